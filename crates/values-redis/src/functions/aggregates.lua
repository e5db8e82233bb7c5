-- Rules of hashes, lists, sets and sorted sets.

function rules.hincrbyfloat(c)
    local reply = run(c)
    if not failed(reply) then
        changed(c, c.keys[1], 'hset', { c.argv[3], reply })
    end
    return reply
end

-- Moves an element between lists, told as this command with these words.
local function move(c, command, words)
    local reply = redis.pcall(command, unpack(words))
    if reply and not failed(reply) then
        local told = copy(words, 1)
        told[1], told[2] = bare(c, words[1]), bare(c, words[2])
        changed(c, words[1], command, told)
        if words[1] ~= words[2] then
            changed(c, words[2], command, told)
        end
    end
    return reply
end

function rules.lmove(c)
    return move(c, 'lmove', copy(c.argv, 2))
end

function rules.rpoplpush(c)
    return move(c, 'rpoplpush', copy(c.argv, 2))
end

-- Takes several elements from the first of several keys that has some; `words` begin with the number of keys.
local function take_many(c, command, told, words)
    local reply = redis.pcall(command, unpack(words))
    if reply and not failed(reply) then
        changed(c, reply[1], told, { whole(#reply[2]) })
    end
    return reply
end

-- The word after the keys that are counted: which end.
local function end_of(words)
    local count = tonumber(words[1])
    local word = count and words[count + 2]
    return word and string.lower(word) or ''
end

local function take_from_lists(c, words)
    return take_many(c, 'lmpop', end_of(words) == 'left' and 'lpop' or 'rpop', words)
end

local function take_from_sorted_sets(c, words)
    return take_many(c, 'zmpop', end_of(words) == 'min' and 'zpopmin' or 'zpopmax', words)
end

function rules.lmpop(c)
    return take_from_lists(c, copy(c.argv, 2))
end

function rules.zmpop(c)
    return take_from_sorted_sets(c, copy(c.argv, 2))
end

-- Commands that wait: here they take what there is, or answer nothing. Who has waited does not mind a key that came
-- to hold something else.

local function has_other_type(c, key, type_name)
    local found = redis.call('TYPE', key).ok
    return c.is_retry and found ~= type_name
end

local function take_first(c, command, type_name)
    for i = 2, #c.argv - 1 do
        local key = c.argv[i]
        if not has_other_type(c, key, type_name) then
            local reply = redis.pcall(command, key)
            if failed(reply) then
                return reply
            end
            if type(reply) == 'table' and next(reply) ~= nil then
                changed(c, key, command, {})
                return { key, reply[1], reply[2] }
            elseif reply and type(reply) ~= 'table' then
                changed(c, key, command, {})
                return { key, reply }
            end
        end
    end
    return nil
end

function rules.blpop(c)
    return take_first(c, 'lpop', 'list')
end

function rules.brpop(c)
    return take_first(c, 'rpop', 'list')
end

function rules.bzpopmin(c)
    return take_first(c, 'zpopmin', 'zset')
end

function rules.bzpopmax(c)
    return take_first(c, 'zpopmax', 'zset')
end

function rules.blmove(c)
    if has_other_type(c, c.argv[2], 'list') then
        return nil
    end
    return move(c, 'lmove', copy(c.argv, 2, #c.argv - 1))
end

function rules.brpoplpush(c)
    if has_other_type(c, c.argv[2], 'list') then
        return nil
    end
    return move(c, 'rpoplpush', copy(c.argv, 2, #c.argv - 1))
end

function rules.blmpop(c)
    if c.is_retry and has_other_type(c, c.argv[4], 'list') then
        return nil
    end
    return take_from_lists(c, copy(c.argv, 3))
end

function rules.bzmpop(c)
    if c.is_retry and has_other_type(c, c.argv[4], 'zset') then
        return nil
    end
    return take_from_sorted_sets(c, copy(c.argv, 3))
end

-- Sets.

-- Told as the removal of the members that it happened to take.
function rules.spop(c)
    local reply = run(c)
    if not reply or failed(reply) then
        return reply
    end
    local members = { reply }
    if type(reply) == 'table' then
        members = {}
        for member in pairs(reply.set or {}) do
            members[#members + 1] = member
        end
    end
    if #members > 0 then
        changed(c, c.keys[1], 'srem', members)
    end
    return reply
end

function rules.smove(c)
    local source, destination = c.argv[2], c.argv[3]
    local was_there = redis.pcall('SISMEMBER', destination, c.argv[4])
    local reply = run(c)
    if not failed(reply) and reply == 1 and source ~= destination then
        changed_as_sent(c, source)
        if was_there == 0 then
            changed_as_sent(c, destination)
        end
    end
    return reply
end

-- Sorted sets.

local function score_of(reply)
    return type(reply) == 'table' and reply.double or nil
end

-- Runs an addition that answers how many members are new as one that answers how many have changed, and tells both.
local function add_counting(c, first_option)
    local before = redis.pcall('ZCARD', c.keys[1])
    if failed(before) then
        return run(c), 0
    end
    local words = copy(c.argv, 1, first_option - 1)
    words[#words + 1] = 'CH'
    for i = first_option, #c.argv do
        words[#words + 1] = c.argv[i]
    end
    local touched = redis.pcall(unpack(words))
    if failed(touched) then
        return touched, 0
    end
    return redis.call('ZCARD', c.keys[1]) - before, touched
end

local ADD_OPTIONS = { nx = true, xx = true, gt = true, lt = true, ch = true, incr = true }

local function add_options(c)
    local found, at = {}, 3
    while c.argv[at] and ADD_OPTIONS[string.lower(c.argv[at])] do
        found[string.lower(c.argv[at])] = true
        at = at + 1
    end
    return found, at
end

function rules.zadd(c)
    local options, at = add_options(c)
    if options.incr then
        local before = score_of(redis.pcall('ZSCORE', c.keys[1], c.argv[at + 1] or ''))
        local reply = run(c)
        if reply and not failed(reply) and score_of(reply) ~= before then
            changed_as_sent(c, c.keys[1])
        end
        return reply
    end
    local reply, touched = add_counting(c, 3)
    if touched > 0 then
        changed_as_sent(c, c.keys[1])
    end
    if failed(reply) or not options.ch then
        return reply
    end
    return touched
end

function rules.zincrby(c)
    local before = score_of(redis.pcall('ZSCORE', c.keys[1], c.argv[4]))
    local reply = run(c)
    if not failed(reply) and score_of(reply) ~= before then
        changed_as_sent(c, c.keys[1])
    end
    return reply
end

-- Told as the addition to a sorted set that it comes to.
function rules.geoadd(c)
    local options, at = add_options(c)
    local reply, touched = add_counting(c, 3)
    if touched > 0 then
        local args = copy(c.argv, 3, at - 1)
        for i = at, #c.argv, 3 do
            local score = score_of(redis.call('ZSCORE', c.keys[1], c.argv[i + 2]))
            args[#args + 1] = whole(score or 0)
            args[#args + 1] = c.argv[i + 2]
        end
        changed(c, c.keys[1], 'zadd', args)
    end
    if failed(reply) or not options.ch then
        return reply
    end
    return touched
end
