-- What of the engine runs inside Redis: a write, its revision and its announcement as one step.
--
-- KEYS are the keys of the command as Redis knows them, and then the slot's state: a hash with the counter of revisions
-- (`r`), what is known of monitored keys (`k…`, and
-- `c…`: when something was told that no command of ours did) and the tokens of locks (`l…`, how many: `n`, forgotten ones: `f`). That it
-- is named with the keys keeps Redis from running a command while only some of them have moved to another server.
-- The arguments of `write`: the base of the names of the slot's channels; how many bytes of a key are the prefix; options, a letter each
-- (q quiet, a an actor is named, s the command names several keys, r it is tried again after waiting, k Redis tells
-- of events of keys, f fenced); the actor; the node; the lock; its token; the places of keys among the words, where
-- there is a prefix; the command's name; and the command as sent.

-- Channels asked for in one call. A command over more keys announces all of them unasked.
local ASKED_MAX = 1000
-- Keys removed in one call.
local REMOVED_MAX = 1000
-- Locks whose tokens are remembered for a slot, and of how many the older half is forgotten.
local LOCKS_MAX = 100000

-- How long it is known that a key's end was told: nodes hear of it within milliseconds of each other.
local ONCE_MS = '2000'

local function failed(reply)
    return type(reply) == 'table' and reply.err ~= nil
end

local function has(options, letter)
    return string.find(options, letter, 1, true) ~= nil
end

local function copy(list, from, to)
    local out = {}
    for i = from, to or #list do
        out[#out + 1] = list[i]
    end
    return out
end

-- A number as Redis prints a whole one: 16 digits are more than Lua's own form has.
local function whole(number)
    return string.format('%.0f', number)
end

local function now_us()
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end

-- The key as clients know it.
local function bare(c, key)
    if c.prefix == 0 then
        return key
    end
    return string.sub(key, c.prefix + 1)
end

local function channel(c, key)
    return c.base .. '/' .. bare(c, key)
end

local function exists(key)
    return redis.call('EXISTS', key) == 1
end

local function field(text)
    return #text .. ':' .. text
end

local function is_heard(c, key)
    return c.wide or c.heard[key]
end

local function publish(c, key, message)
    if c.wide then
        redis.call('SPUBLISH', c.base, message)
    end
    if c.heard[key] or not c.wide then
        redis.call('SPUBLISH', channel(c, key), message)
    end
end

-- Tells those who listen to these keys something that is no change: 'b', that events which Redis now tells of are
-- ours, until the next announcement of the key; 'n', that nothing has changed.
local function signal(c, keys, letter)
    for _, key in ipairs(keys) do
        if is_heard(c, key) then
            publish(c, key, field('0') .. field('0') .. field(letter) .. field('') .. field('') .. field('')
                .. field(bare(c, key)))
        end
    end
end

-- Finds out who listens, to the slot as a whole and to the keys of the call. Nothing may touch the keys before.
local function listen(c)
    c.heard = {}
    if #c.keys > ASKED_MAX then
        c.wide, c.told = true, true
        return
    end
    local asked = { c.base }
    for i, key in ipairs(c.keys) do
        asked[i + 1] = channel(c, key)
    end
    local counts = redis.call('PUBSUB', 'SHARDNUMSUB', unpack(asked))
    c.wide = counts[2] > 0
    c.told = c.wide
    for i, key in ipairs(c.keys) do
        if counts[2 * i + 2] > 0 then
            c.heard[key], c.told = true, true
        end
    end
    if c.told and c.has_events then
        signal(c, c.keys, 'b')
    end
end

-- Notes that a key has changed: once for each key, unless it had expired before.
local function changed(c, key, command, args, nobody)
    c.changes[#c.changes + 1] = { key = key, command = command, args = args, nobody = nobody }
end

-- Notes of each key of the call that is past its time and was not told of that it has expired.
local function settle_expired(c)
    if not c.told then
        return
    end
    local seen = {}
    for _, key in ipairs(c.keys) do
        if is_heard(c, key) and not seen[key] then
            seen[key] = true
            local known = redis.call('HGET', c.state, 'k' .. key)
            local at = known and tonumber(string.match(known, '^-?%d+')) or 0
            if at > 0 and not exists(key) and at * 1000 <= now_us() then
                redis.call('HDEL', c.state, 'k' .. key)
                changed(c, key, 'expired', {}, true)
            end
        end
    end
end

-- Takes revisions for so many changes; the first of them. They follow the time, so that none is met again after
-- Redis has lost some: it was restarted, or a replica took over.
local function take_revisions(c, count)
    local now = now_us()
    local last = tonumber(redis.call('HGET', c.state, 'r') or 0)
    local first = math.max(now, last + 1)
    redis.call('HSET', c.state, 'r', whole(first + count - 1))
    return first
end

-- Keeps in mind of a key that is listened to when it expires, or that it is gone.
local function remember(c, key, mark)
    local at = redis.call('PEXPIRETIME', key)
    if at == -2 then
        redis.call('HDEL', c.state, 'k' .. key)
    else
        redis.call('HSET', c.state, 'k' .. key, whole(at) .. (mark or ''))
    end
    return at
end

-- Announces what was noted, each change under a revision of its own; the first of them.
local function finish(c)
    local revision = #c.changes > 0 and take_revisions(c, #c.changes) or 0
    if not c.told then
        return revision
    end
    local times = {}
    for i, change in ipairs(c.changes) do
        local key = change.key
        if is_heard(c, key) then
            times[key] = times[key] or remember(c, key, change.mark)
            local flags = ''
            if not change.nobody then
                flags = (c.quiet and 'q' or '') .. (c.actor and 'a' or '')
            end
            local parts = {
                field(whole(revision + i - 1)), field(whole(times[key])), field(flags),
                field(not change.nobody and c.node or ''), field(not change.nobody and c.actor or ''), field(change.command), field(bare(c, key)),
            }
            for _, arg in ipairs(change.args) do
                parts[#parts + 1] = field(arg)
            end
            publish(c, key, table.concat(parts))
        end
    end
    if c.has_events then
        local others = {}
        for _, key in ipairs(c.keys) do
            if not times[key] then
                others[#others + 1] = key
            end
        end
        signal(c, others, 'n')
    end
    return revision
end

-- The words of the command from one on, as the client sent them: without the prefix.
local function sent(c, from)
    local words = copy(c.argv, from)
    if c.prefix > 0 then
        local is_key = {}
        for _, key in ipairs(c.keys) do
            is_key[key] = true
        end
        for position in string.gmatch(c.positions, '%d+') do
            local at = tonumber(position) - from + 1
            if words[at] and is_key[words[at]] then
                words[at] = bare(c, words[at])
            end
        end
    end
    return words
end

-- Notes a change told by the command as sent.
local function changed_as_sent(c, key)
    if c.several then
        changed(c, key, c.name, sent(c, 2))
    else
        changed(c, key, c.name, copy(c.argv, 3))
    end
end

local function run(c)
    return redis.pcall(unpack(c.argv))
end

local function is_word(word, name)
    return word ~= nil and string.lower(word) == name
end

-- Whether one number, in decimal, is less than another. They may have more digits than Lua's numbers.
local function is_less(a, b)
    if #a ~= #b then
        return #a < #b
    end
    return a < b
end

local function forget_older_locks(c)
    redis.setresp(2)
    local all = redis.call('HGETALL', c.state)
    redis.setresp(3)
    local tokens = {}
    for i = 1, #all, 2 do
        if string.sub(all[i], 1, 1) == 'l' then
            tokens[#tokens + 1] = all[i + 1]
        end
    end
    table.sort(tokens, is_less)
    local middle = tokens[math.ceil(#tokens / 2)]
    local left = #tokens
    for i = 1, #all, 2 do
        if string.sub(all[i], 1, 1) == 'l' and not is_less(middle, all[i + 1]) then
            redis.call('HDEL', c.state, all[i])
            left = left - 1
        end
    end
    redis.call('HSET', c.state, 'f', middle, 'n', whole(left))
end

-- Takes note of a write under a lock's token, unless it was overtaken. A lock that was forgotten may not come with a
-- lesser token than the greatest of those.
local function is_admitted(c, lock, token)
    local name = 'l' .. lock
    local own = redis.call('HGET', c.state, name)
    local greatest = own or redis.call('HGET', c.state, 'f')
    if greatest and is_less(token, greatest) then
        return false
    end
    if not own then
        if tonumber(redis.call('HGET', c.state, 'n') or 0) >= LOCKS_MAX then
            forget_older_locks(c)
        end
        redis.call('HINCRBY', c.state, 'n', '1')
    end
    redis.call('HSET', c.state, name, token)
    return true
end
