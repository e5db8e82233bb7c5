-- The functions.

local function context(keys, base, prefix, options)
    return {
        keys = copy(keys, 1, #keys - 1),
        state = keys[#keys] or base .. 'state',
        base = base,
        prefix = tonumber(prefix),
        quiet = has(options, 'q'),
        several = has(options, 's'),
        is_retry = has(options, 'r'),
        has_events = has(options, 'k'),
        changes = {},
    }
end

-- Runs a command that may change something.
local function write(keys, args)
    redis.setresp(3)
    local options = args[3]
    local c = context(keys, args[1], args[2], options)
    c.actor = has(options, 'a') and args[4] or nil
    c.node = args[5]
    c.positions = args[8]
    c.name = args[9]
    c.argv = copy(args, 10)
    if has(options, 'f') and not is_admitted(c, args[6], args[7]) then
        return { err = 'FENCED' }
    end
    listen(c)
    settle_expired(c)
    local reply = rules[c.name](c)
    finish(c)
    return reply
end

-- A value with its revision, as one step; the revision only (o).
local function look(keys, args)
    local key, options = keys[1], args[3]
    local c = context(keys, args[1], args[2], options)
    listen(c)
    settle_expired(c)
    finish(c)
    local kind = redis.call('TYPE', key).ok
    local value = false
    if has(options, 'o') then
        value = false
    elseif kind == 'string' then
        value = redis.call('GET', key)
    elseif kind == 'hash' then
        value = redis.call('HGETALL', key)
    elseif kind == 'list' then
        value = redis.call('LRANGE', key, '0', '-1')
    elseif kind == 'set' then
        value = redis.call('SMEMBERS', key)
    elseif kind == 'zset' then
        value = redis.call('ZRANGE', key, '0', '-1', 'WITHSCORES')
    elseif kind == 'stream' then
        value = redis.call('XRANGE', key, '-', '+')
    end
    local at = redis.call('PEXPIRETIME', key)
    if c.told then
        remember(c, key)
    end
    return { redis.call('HGET', c.state, 'r') or '0', kind, whole(at), value }
end

-- The value of a key in words, as a foreign write is told.
local function words_of(key)
    local kind = redis.call('TYPE', key).ok
    if kind == 'string' then
        return { redis.call('GET', key) }
    elseif kind == 'hash' then
        return redis.call('HGETALL', key)
    elseif kind == 'list' then
        return redis.call('LRANGE', key, '0', '-1')
    elseif kind == 'set' then
        return redis.call('SMEMBERS', key)
    elseif kind == 'zset' then
        return redis.call('ZRANGE', key, '0', '-1', 'WITHSCORES')
    end
    return {}
end

-- Tells what has happened to a key otherwise than by a write of ours, unless it is told already: every node that
-- follows the key calls this, and the first one tells. Answers when the key expires.
local function noticed(keys, args)
    local key, event = keys[1], args[4]
    local c = context(keys, args[1], args[2], args[3])
    listen(c)
    if not c.told then
        redis.call('HDEL', c.state, 'k' .. key, 'c' .. key)
        return -2
    end
    local known = redis.call('HGET', c.state, 'k' .. key)
    local at = redis.call('PEXPIRETIME', key)
    -- What was told after the caller had heard of the key last tells this, too: it came later.
    local heard = tonumber(args[5])
    local told = tonumber(redis.call('HGET', c.state, 'c' .. key) or 0)
    local once = c.base .. 'once/' .. bare(c, key)
    if at == -2 then
        -- What is known may be missing: who listens to everything hears of keys that were there before, and Redis may
        -- evict what the engine keeps.
        local is_first = known
        if not known and (event == 'expired' or event == 'evicted') then
            is_first = told <= heard and not exists(once)
        end
        if is_first then
            local command = 'del'
            local due = known and tonumber(string.match(known, '^-?%d+')) or 0
            if event == 'evicted' then
                command = 'evicted'
            elseif event == 'expired' or (due > 0 and due * 1000 <= now_us()) then
                command = 'expired'
            end
            changed(c, key, command, {}, true)
        end
    elseif event == 'written' then
        -- Where the caller has heard of nothing yet, the value tells whether it was told.
        local mark = ':' .. redis.sha1hex(redis.call('DUMP', key))
        if heard > 0 and told <= heard or heard == 0 and known ~= whole(at) .. mark then
            changed(c, key, 'changed', words_of(key), true)
            c.changes[1].mark = mark
        end
    end
    local revision = finish(c)
    if #c.changes > 0 and c.heard[key] then
        redis.call('HSET', c.state, 'c' .. key, whole(revision))
    elseif #c.changes > 0 then
        redis.call('SET', once, '', 'PX', ONCE_MS)
    end
    return at
end

-- Whether a key is one of the engine's own.
local function is_own(c, key)
    return string.sub(key, 1, #c.base) == c.base
end

-- All keys with the prefix that are not the engine's own.
local function all_keys(c, pattern)
    local found = {}
    for _, key in ipairs(redis.call('KEYS', pattern)) do
        if not is_own(c, key) then
            found[#found + 1] = key
        end
    end
    return found
end

-- Removes all keys.
local function flush(_, args)
    local options = args[3]
    local c = context({}, args[1], args[2], options)
    c.actor = has(options, 'a') and args[4] or nil
    c.node = args[7]
    listen(c)
    for _, name in ipairs(redis.call('PUBSUB', 'SHARDCHANNELS')) do
        if string.sub(name, 1, #c.base + 1) == c.base .. '/' then
            c.heard[args[6] .. string.sub(name, #c.base + 2)] = true
            c.told = true
        end
    end
    local keys = all_keys(c, args[5])
    if c.told and c.has_events then
        signal(c, keys, 'b')
    end
    for i = 1, #keys, REMOVED_MAX do
        redis.call('UNLINK', unpack(keys, i, math.min(i + REMOVED_MAX - 1, #keys)))
    end
    for _, key in ipairs(keys) do
        if is_heard(c, key) then
            changed(c, key, 'del', {})
        end
    end
    if #keys > 0 and #c.changes == 0 then
        take_revisions(c, 1)
    end
    finish(c)
    return redis.status_reply('OK')
end

-- How many keys there are. In a cluster (c) the base is what those of all slots begin with.
local function size(_, args)
    local c = context({}, args[1], args[2], '')
    if c.prefix > 0 or has(args[3], 'c') then
        return #all_keys(c, args[5])
    end
    return redis.call('DBSIZE') - redis.call('EXISTS', c.state)
end

redis.register_function('@LIBRARY@_grow', write)
redis.register_function({ function_name = '@LIBRARY@_write', callback = write, flags = { 'allow-oom' } })
redis.register_function({ function_name = '@LIBRARY@_look', callback = look, flags = { 'allow-oom' } })
redis.register_function({ function_name = '@LIBRARY@_noticed', callback = noticed, flags = { 'allow-oom' } })
redis.register_function({ function_name = '@LIBRARY@_flush', callback = flush, flags = { 'allow-oom' } })
redis.register_function({ function_name = '@LIBRARY@_size', callback = size, flags = { 'no-writes' } })
