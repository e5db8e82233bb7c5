-- Rules: how each command is run and how it is told what it changed. First the forms that most have.

local rules = {}

-- Succeeds only by changing its key.
local function always(c)
    local reply = run(c)
    if not failed(reply) then
        changed_as_sent(c, c.keys[1])
    end
    return reply
end

-- Answers how much it has changed.
local function counted(c)
    local reply = run(c)
    if not failed(reply) and reply > 0 then
        changed_as_sent(c, c.keys[1])
    end
    return reply
end

-- Changes its key if that is there.
local function existing(c)
    local was_there = exists(c.keys[1])
    local reply = run(c)
    if not failed(reply) and was_there then
        changed_as_sent(c, c.keys[1])
    end
    return reply
end

-- Answers what it took, which may be nothing.
local function taken(c)
    local reply = run(c)
    if reply and not failed(reply) and (type(reply) ~= 'table' or next(reply) ~= nil) then
        changed_as_sent(c, c.keys[1])
    end
    return reply
end

-- Puts a result at a key, or removes it where the result is empty; `key` may be none, then it only reads.
local function stored(c, key)
    local was_there = key and exists(key)
    local reply = run(c)
    if key and not failed(reply) and (reply > 0 or was_there) then
        changed(c, key, c.name, sent(c, 2))
    end
    return reply
end

local function stores_at_first(c)
    return stored(c, c.keys[1])
end

-- Each of the keys, once.
local function distinct(keys)
    local seen, out = {}, {}
    for _, key in ipairs(keys) do
        if not seen[key] then
            seen[key] = true
            out[#out + 1] = key
        end
    end
    return out
end

-- While the library is loaded, Lua has no iterators.
local function each(names, rule)
    for i = 1, #names do
        rules[names[i]] = rule
    end
end

each({ 'append', 'getset', 'psetex', 'setex', 'pfmerge', 'hset', 'hmset', 'lpush', 'rpush', 'lset', 'xsetid' }, always)
each({ 'setnx', 'persist', 'pfadd', 'hsetnx', 'hdel', 'lpushx', 'rpushx', 'linsert', 'lrem', 'sadd',
    'srem', 'zrem', 'zremrangebylex', 'zremrangebyrank', 'zremrangebyscore', 'xdel', 'xack' }, counted)
each({ 'lpop', 'rpop', 'zpopmin', 'zpopmax' }, taken)
each({ 'bitop', 'sdiffstore', 'sinterstore', 'sunionstore', 'zdiffstore', 'zinterstore',
    'zunionstore', 'zrangestore', 'geosearchstore' }, stores_at_first)
each({ 'sort', 'georadius', 'georadiusbymember' }, function(c)
    return stored(c, c.keys[2])
end)
rules.ltrim = existing

function rules.del(c)
    local there = {}
    for _, key in ipairs(distinct(c.keys)) do
        if exists(key) then
            there[#there + 1] = key
        end
    end
    local reply = run(c)
    for _, key in ipairs(failed(reply) and {} or there) do
        changed_as_sent(c, key)
    end
    return reply
end
rules.unlink = rules.del

function rules.copy(c)
    local reply = run(c)
    if not failed(reply) and reply == 1 then
        changed_as_sent(c, c.keys[2])
    end
    return reply
end

function rules.rename(c)
    local reply = run(c)
    if not failed(reply) and reply ~= 0 and c.keys[1] ~= c.keys[2] then
        changed_as_sent(c, c.keys[1])
        changed_as_sent(c, c.keys[2])
    end
    return reply
end
rules.renamenx = rules.rename

-- A time in the past removes the key.
local function expire(c)
    local reply = run(c)
    if not failed(reply) and reply == 1 then
        if exists(c.keys[1]) then
            changed_as_sent(c, c.keys[1])
        else
            changed(c, c.keys[1], 'del', {})
        end
    end
    return reply
end
rules.expire, rules.expireat, rules.pexpire, rules.pexpireat = expire, expire, expire, expire

function rules.restore(c)
    local key = c.keys[1]
    local was_there = exists(key)
    local reply = run(c)
    if failed(reply) then
        return reply
    end
    local at = redis.call('PEXPIRETIME', key)
    if at == -2 then
        if was_there then
            changed(c, key, 'del', {})
        end
        return reply
    end
    local args = copy(c.argv, 3)
    local is_absolute = false
    for i = 3, #args do
        is_absolute = is_absolute or is_word(args[i], 'absttl')
    end
    if at >= 0 and not is_absolute then
        args[1] = whole(at)
        args[#args + 1] = 'ABSTTL'
    end
    changed(c, key, 'restore', args)
    return reply
end

-- Strings.

function rules.set(c)
    local argv = c.argv
    if #argv == 3 then
        return always(c)
    end
    local only_new, only_present, get = false, false, false
    for i = 4, #argv do
        only_new = only_new or is_word(argv[i], 'nx')
        only_present = only_present or is_word(argv[i], 'xx')
        get = get or is_word(argv[i], 'get')
    end
    local was_there = get and exists(c.keys[1])
    local reply = run(c)
    if failed(reply) then
        return reply
    end
    local is_set
    if get then
        is_set = not (only_new and was_there) and not (only_present and not was_there)
    else
        is_set = reply ~= nil
    end
    if is_set then
        changed_as_sent(c, c.keys[1])
    end
    return reply
end

function rules.mset(c)
    local reply = run(c)
    if not failed(reply) and reply ~= 0 then
        for _, key in ipairs(distinct(c.keys)) do
            changed_as_sent(c, key)
        end
    end
    return reply
end
rules.msetnx = rules.mset

function rules.getdel(c)
    local reply = run(c)
    if reply and not failed(reply) then
        changed(c, c.keys[1], 'del', {})
    end
    return reply
end

function rules.getex(c)
    local key = c.keys[1]
    local before = redis.call('PEXPIRETIME', key)
    local reply = run(c)
    if not reply or failed(reply) or #c.argv == 2 then
        return reply
    end
    local after = redis.call('PEXPIRETIME', key)
    if after == -2 then
        changed(c, key, 'del', {})
    elseif not is_word(c.argv[3], 'persist') then
        changed(c, key, 'pexpireat', { whole(after) })
    elseif before >= 0 then
        changed(c, key, 'persist', {})
    end
    return reply
end

function rules.incrbyfloat(c)
    local reply = run(c)
    if not failed(reply) then
        changed(c, c.keys[1], 'set', { reply, 'KEEPTTL' })
    end
    return reply
end

-- Lua has 53 bits for a number. One that needs more is answered as the text that is kept.
local EXACT_MAX = 9007199254740992

local function is_exact(number)
    return number < EXACT_MAX and number > -EXACT_MAX
end

local function increment(c)
    local reply = always(c)
    if failed(reply) or is_exact(reply) then
        return reply
    end
    return redis.call('GET', c.keys[1])
end

each({ 'incr', 'incrby', 'decr', 'decrby' }, increment)

function rules.hincrby(c)
    local reply = always(c)
    if failed(reply) or is_exact(reply) then
        return reply
    end
    return redis.call('HGET', c.keys[1], c.argv[3])
end

function rules.setrange(c)
    local reply = run(c)
    if not failed(reply) and c.argv[4] ~= '' then
        changed_as_sent(c, c.keys[1])
    end
    return reply
end

function rules.setbit(c)
    local before = redis.pcall('STRLEN', c.keys[1])
    local reply = run(c)
    if failed(reply) then
        return reply
    end
    if whole(reply) ~= c.argv[4] or redis.call('STRLEN', c.keys[1]) ~= before then
        changed_as_sent(c, c.keys[1])
    end
    return reply
end

function rules.bitfield(c)
    local before = redis.pcall('GET', c.keys[1])
    -- What did not fit is null, at which a list of RESP3 would end in here.
    redis.setresp(2)
    local reply = run(c)
    redis.setresp(3)
    if not failed(reply) and redis.call('GET', c.keys[1]) ~= before then
        changed_as_sent(c, c.keys[1])
    end
    return reply
end
