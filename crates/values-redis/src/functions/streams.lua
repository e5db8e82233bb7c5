-- Rules of streams. What a read or a claim does to a group is told as claims of just those entries, as Redis
-- replicates it. Replies here have nulls in lists, at which one of RESP3 would end.

local function run_flat(c)
    redis.setresp(2)
    local reply = run(c)
    redis.setresp(3)
    return reply
end

-- Replaces a trim that stops where Redis likes by one to what has become of the stream. The option is at `at`; the
-- position after it, and what it is told as.
local function exact_trim(c, at)
    local argv = c.argv
    local name = string.lower(argv[at])
    local next_at, is_rough = at + 1, argv[at + 1] == '~'
    if is_rough or argv[at + 1] == '=' then
        next_at = next_at + 1
    end
    next_at = next_at + 1
    if is_word(argv[next_at], 'limit') then
        next_at = next_at + 2
    end
    if not is_rough then
        return next_at, copy(argv, at, next_at - 1)
    end
    if name == 'maxlen' then
        return next_at, { 'MAXLEN', '=', whole(redis.call('XLEN', c.keys[1])) }
    end
    redis.setresp(2)
    local first = redis.call('XRANGE', c.keys[1], '-', '+', 'COUNT', '1')[1]
    redis.setresp(3)
    return next_at, { 'MINID', '=', first and first[1] or '18446744073709551615-18446744073709551615' }
end

local function is_trim(word)
    return is_word(word, 'maxlen') or is_word(word, 'minid')
end

function rules.xadd(c)
    local reply = run(c)
    if not reply or failed(reply) then
        return reply
    end
    local args, at = {}, 3
    while true do
        if is_word(c.argv[at], 'nomkstream') then
            args[#args + 1] = c.argv[at]
            at = at + 1
        elseif is_trim(c.argv[at]) then
            local words
            at, words = exact_trim(c, at)
            for _, word in ipairs(words) do
                args[#args + 1] = word
            end
        else
            break
        end
    end
    args[#args + 1] = reply
    for i = at + 1, #c.argv do
        args[#args + 1] = c.argv[i]
    end
    changed(c, c.keys[1], 'xadd', args)
    return reply
end

function rules.xtrim(c)
    local reply = run(c)
    if not failed(reply) and reply > 0 then
        local _, words = exact_trim(c, 3)
        changed(c, c.keys[1], 'xtrim', words)
    end
    return reply
end

-- What is known of a consumer, or of the group itself.
local function described(key, group, consumer)
    redis.setresp(2)
    local what = { 'XINFO', consumer and 'CONSUMERS' or 'GROUPS', key }
    if consumer then
        what[4] = group
    end
    local found = redis.pcall(unpack(what))
    redis.setresp(3)
    for _, item in ipairs(failed(found) and {} or found) do
        local fields = {}
        for i = 1, #item, 2 do
            fields[item[i]] = item[i + 1]
        end
        if fields.name == (consumer or group) then
            return fields
        end
    end
    return nil
end

function rules.xgroup(c)
    local key = c.keys[1]
    if not key then
        return run(c)
    end
    local is_removal = is_word(c.argv[2], 'delconsumer')
    local was_there = is_removal and described(key, c.argv[4], c.argv[5]) ~= nil
    local reply = run(c)
    local has_changed = reply ~= 0
    if is_removal then
        has_changed = was_there
    end
    if not failed(reply) and has_changed then
        local words = copy(c.argv, 2)
        words[2] = bare(c, key)
        changed(c, key, 'xgroup', words)
    end
    return reply
end

-- Tells that entries are pending for a consumer; one change for each number of deliveries.
local function tell_claimed(c, key, group, consumer, ids)
    local by_deliveries, order = {}, {}
    redis.setresp(2)
    local now = whole(math.floor(now_us() / 1000))
    for _, id in ipairs(ids) do
        local pending = redis.call('XPENDING', key, group, id, id, '1')[1]
        if pending then
            local deliveries = whole(pending[4])
            if not by_deliveries[deliveries] then
                by_deliveries[deliveries] = {}
                order[#order + 1] = deliveries
            end
            table.insert(by_deliveries[deliveries], id)
        end
    end
    redis.setresp(3)
    local last = (described(key, group) or {})['last-delivered-id']
    for _, deliveries in ipairs(order) do
        local args = { group, consumer, '0' }
        for _, id in ipairs(by_deliveries[deliveries]) do
            args[#args + 1] = id
        end
        for _, word in ipairs({ 'TIME', now, 'RETRYCOUNT', deliveries, 'FORCE', 'JUSTID' }) do
            args[#args + 1] = word
        end
        if last then
            args[#args + 1] = 'LASTID'
            args[#args + 1] = last
        end
        changed(c, key, 'xclaim', args)
    end
end

local function ids_of(entries)
    local ids = {}
    for _, entry in ipairs(entries) do
        ids[#ids + 1] = type(entry) == 'table' and entry[1] or entry
    end
    return ids
end

local function tell_advance(c, key, group, before)
    local after = described(key, group)
    if after and before and after['last-delivered-id'] ~= before['last-delivered-id'] then
        local read = after['entries-read']
        changed(c, key, 'xgroup', {
            'SETID', bare(c, key), group, after['last-delivered-id'], 'ENTRIESREAD', read and whole(read) or '-1',
        })
    end
end

function rules.xclaim(c)
    local key, group = c.keys[1], c.argv[3]
    local before = described(key, group)
    local reply = run_flat(c)
    if failed(reply) then
        return reply
    end
    if #reply > 0 then
        tell_claimed(c, key, group, c.argv[4], ids_of(reply))
    else
        tell_advance(c, key, group, before)
    end
    return reply
end

function rules.xautoclaim(c)
    local key, group = c.keys[1], c.argv[3]
    local reply = run_flat(c)
    if failed(reply) then
        return reply
    end
    if #reply[2] > 0 then
        tell_claimed(c, key, group, c.argv[4], ids_of(reply[2]))
    end
    if #reply[3] > 0 then
        local args = { group }
        for _, id in ipairs(reply[3]) do
            args[#args + 1] = id
        end
        changed(c, key, 'xack', args)
    end
    return reply
end

-- Reads for a group. A call that may wait comes without its `BLOCK`.
function rules.xreadgroup(c)
    local group, consumer, needs_no_ack, first
    local at = 2
    while c.argv[at] and not first do
        local word = string.lower(c.argv[at])
        if word == 'group' then
            group, consumer = c.argv[at + 1], c.argv[at + 2]
            at = at + 3
        elseif word == 'streams' then
            first = at + 1
        else
            needs_no_ack = needs_no_ack or word == 'noack'
            at = at + (word == 'noack' and 1 or 2)
        end
    end
    local before = {}
    for _, key in ipairs(c.told and group and c.keys or {}) do
        before[key] = { described(key, group), described(key, group, consumer) }
    end
    local reply = run_flat(c)
    if failed(reply) or not c.told or not group then
        return reply
    end
    local read = {}
    for _, stream in ipairs(reply or {}) do
        read[stream[1]] = stream[2]
    end
    for i, key in ipairs(c.keys) do
        local id = c.argv[first + #c.keys + i - 1]
        local entries = id == '>' and read[key] or {}
        if not before[key][2] and described(key, group, consumer) and (needs_no_ack or #entries == 0) then
            changed(c, key, 'xgroup', { 'CREATECONSUMER', bare(c, key), group, consumer })
        end
        if #entries > 0 and needs_no_ack then
            tell_advance(c, key, group, before[key][1])
        elseif #entries > 0 then
            tell_claimed(c, key, group, consumer, ids_of(entries))
        end
    end
    return reply
end
