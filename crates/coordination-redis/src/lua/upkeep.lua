
-- Leases, and what else keeps a namespace going.

-- While nobody swept, nobody could renew: that time does not count.
local function rest(s)
  local gap = s.now_ms - s.swept_ms
  if gap > PAUSE_MS then
    local leases = redis.call('ZRANGE', s.leases, 0, -1, 'WITHSCORES')
    for at = 1, #leases, 2 do
      redis.call('ZADD', s.leases, 'XX', text(tonumber(leases[at + 1]) + gap), leases[at])
    end
  end
  if gap > 0 then redis.call('HSET', s.meta, 'swept', text(s.now_ms)) end
end

-- What hangs on a lease, in order.
local function keys_of(s, lease)
  -- All that begins with it: up to the next number, if there is one.
  local to = '+'
  for at = 8, 1, -1 do
    local byte = string.byte(lease, at)
    if byte < 255 then
      to = '(' .. string.sub(lease, 1, at - 1) .. string.char(byte + 1)
      break
    end
  end
  local keys = redis.call('ZRANGEBYLEX', s.attached, '[' .. lease, to)
  for at, member in ipairs(keys) do keys[at] = string.sub(member, 9) end
  return keys
end

-- Ends a lease and deletes its keys, in one revision.
local function revoke(s, lease)
  each_record(s, keys_of(s, lease), function(key, packed) remove(s, key, packed) end)
  redis.call('ZREM', s.leases, lease)
  redis.call('HDEL', s.ttls, lease)
  finish(s)
end

local function lease_grant(keys, args)
  local s = open(keys)
  if not s then return EMPTY end
  rest(s)
  local lease, ttl = args[1], tonumber(args[2])
  if redis.call('ZSCORE', s.leases, lease) then return { 0, LEASE_EXISTS } end
  redis.call('ZADD', s.leases, text(s.now_ms + ttl), lease)
  redis.call('HSET', s.ttls, lease, text(ttl))
  return { 1, { s.revision } }
end

local function lease_revoke(keys, args)
  local s = open(keys)
  if not s then return EMPTY end
  if not redis.call('ZSCORE', s.leases, args[1]) then return { 0, LEASE_NOT_FOUND } end
  revoke(s, args[1])
  return { 1, { s.revision } }
end

local function lease_keep_alive(keys, args)
  local s = open(keys)
  if not s then return EMPTY end
  rest(s)
  local lease = args[1]
  local deadline = redis.call('ZSCORE', s.leases, lease)
  if not deadline or tonumber(deadline) <= s.now_ms then return { 0, LEASE_NOT_FOUND } end
  local ttl = tonumber(redis.call('HGET', s.ttls, lease))
  redis.call('ZADD', s.leases, text(s.now_ms + ttl), lease)
  return { 1, { s.revision, ttl } }
end

local function lease_time_to_live(keys, args)
  local s = open(keys)
  if not s then return EMPTY end
  local lease = args[1]
  local deadline = redis.call('ZSCORE', s.leases, lease)
  if not deadline then return { 0, LEASE_NOT_FOUND } end
  local left = math.max(0, tonumber(deadline) - s.now_ms)
  local attached = args[2] == '1' and keys_of(s, lease) or {}
  return { 1, { s.revision, left, tonumber(redis.call('HGET', s.ttls, lease)), attached } }
end

local function leases(keys)
  local s = open(keys)
  if not s then return EMPTY end
  return { 1, { s.revision, redis.call('ZRANGE', s.leases, 0, -1) } }
end

-- Ends some of the leases whose time has run out, the earliest first. Returns how many.
local function sweep(keys, args)
  local s = open(keys)
  if not s then return EMPTY end
  rest(s)
  local due = redis.call('ZRANGEBYSCORE', s.leases, '-inf', text(s.now_ms), 'LIMIT', 0, args[1])
  for _, lease in ipairs(due) do revoke(s, lease) end
  return { 1, { #due } }
end

local function compact(keys, args)
  local s = open(keys)
  if not s then return EMPTY end
  local revision = tonumber(args[1])
  if revision <= s.compacted then return { 0, COMPACTED } end
  if revision > s.revision then return { 0, FUTURE } end
  forget(s, revision)
  return { 1, { s.revision } }
end

-- The last entry of the log that is there: its name, and its head, which no other entry of that name had.
local function last_entry(s)
  local last = redis.call('XREVRANGE', s.log, '+', '-', 'COUNT', 1)[1]
  return last and last[1] or '', last and last[2][2] or ''
end

local function status(keys)
  local s = open(keys)
  if not s then return EMPTY end
  return { 1, { s.revision, s.compacted, redis.call('HGET', s.meta, 'born'), last_entry(s) } }
end

-- Begins a namespace, if there is none.
local function begin(keys)
  local us = text(now_us())
  if redis.call('HSETNX', keys[1], 'revision', us) == 1 then
    local ms = text(math.floor(tonumber(us) / 1000))
    redis.call('HSET', keys[1], 'compacted', us, 'born', us, 'logged', 0, 'trimmed', 0, 'swept', ms)
    -- The first revision did nothing, but who reads the log finds one entry for each.
    redis.call('XADD', string.sub(keys[1], 1, -5) .. 'log', us .. '-0', '.', us .. ' 0')
  end
  return status(keys)
end

redis.register_function('hyrax1_begin', begin)
redis.register_function('hyrax1_lease_grant', lease_grant)

-- Without these a full memory would let leases end that are wanted, keep those that are not, and never be less full.
redis.register_function({ function_name = 'hyrax1_compact', callback = compact, flags = { 'allow-oom' } })
redis.register_function({ function_name = 'hyrax1_sweep', callback = sweep, flags = { 'allow-oom' } })
redis.register_function({ function_name = 'hyrax1_lease_revoke', callback = lease_revoke, flags = { 'allow-oom' } })
redis.register_function({
  function_name = 'hyrax1_lease_keep_alive',
  callback = lease_keep_alive,
  flags = { 'allow-oom' },
})

redis.register_function({
  function_name = 'hyrax1_lease_time_to_live',
  callback = lease_time_to_live,
  flags = { 'no-writes' },
})
redis.register_function({ function_name = 'hyrax1_leases', callback = leases, flags = { 'no-writes' } })
redis.register_function({ function_name = 'hyrax1_status', callback = status, flags = { 'no-writes' } })
