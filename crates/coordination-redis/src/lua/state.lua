#!lua name=hyrax_coordination_1

-- The key space of one namespace. What the keys of Redis hold is written in the head of the crate.
--
-- Numbers are doubles here: exact up to 2^53, which revisions (microseconds of the epoch, at first) do not reach.
-- Leases are eight bytes in the order of their numbers, as doubles could not hold them.

local NO_LEASE = '\128\0\0\0\0\0\0\0'
local PAGE = 500
local HISTORY_REVISIONS = 100000
local HISTORY_BYTES = 64 * 1024 * 1024
-- Nobody swept for longer than this: the time until now does not count for leases.
local PAUSE_MS = 2000

local EMPTY = { 0, 'hyrax: this namespace holds nothing' }
local COMPACTED = 'etcdserver: mvcc: required revision has been compacted'
local FUTURE = 'etcdserver: mvcc: required revision is a future revision'
local LEASE_NOT_FOUND = 'etcdserver: requested lease not found'
local LEASE_EXISTS = 'etcdserver: lease already exists'
local KEY_NOT_FOUND = 'etcdserver: key not found'

-- Concatenation would round what is long.
local function text(number)
  return string.format('%.0f', number)
end

local function now_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- The namespace of KEYS[1], which is its 'meta'; nil while there is none.
local function open(keys)
  local base = string.sub(keys[1], 1, -5)
  local kept = redis.call('HMGET', keys[1], 'revision', 'compacted', 'logged', 'trimmed', 'swept')
  if not kept[1] then return nil end
  local us = now_us()
  return {
    meta = keys[1],
    keys = base .. 'keys',
    records = base .. 'records',
    log = base .. 'log',
    leases = base .. 'leases',
    ttls = base .. 'ttls',
    attached = base .. 'attached',
    revision = tonumber(kept[1]),
    compacted = tonumber(kept[2]),
    logged = tonumber(kept[3]),
    trimmed = tonumber(kept[4]),
    swept_ms = tonumber(kept[5]),
    now_us = us,
    now_ms = math.floor(us / 1000),
    events = {},
  }
end

local function record(create, mod, version, lease, value)
  return struct.pack('>I8I8I8', create, mod, version) .. lease .. value
end

local function parts(packed)
  local create, mod, version = struct.unpack('>I8I8I8', packed)
  return {
    create = create,
    mod = mod,
    version = version,
    lease = string.sub(packed, 25, 32),
    value = string.sub(packed, 33),
  }
end

-- '<' would compare by the server's locale.
local function order(a, b)
  if a == b then return 0 end
  for at = 1, math.min(#a, #b) do
    local x, y = string.byte(a, at), string.byte(b, at)
    if x ~= y then return x < y and -1 or 1 end
  end
  return #a < #b and -1 or 1
end

-- Ranges are as in etcd: an empty end is one key, a zero byte no end.
local function is_empty(first, last)
  return last ~= '' and last ~= '\0' and order(last, first) <= 0
end

local function contains(first, last, key)
  if last == '' then return key == first end
  return order(key, first) >= 0 and (last == '\0' or order(key, last) < 0)
end

local function bounds(first, last)
  if last == '' then return '[' .. first, '[' .. first end
  return '[' .. first, last == '\0' and '+' or '(' .. last
end

-- Up to count keys of a range, in order; -1 for all.
local function keys_in(s, first, last, offset, count)
  if is_empty(first, last) then return {} end
  local from, to = bounds(first, last)
  return redis.call('ZRANGEBYLEX', s.keys, from, to, 'LIMIT', offset, count)
end

local function count_in(s, first, last)
  if is_empty(first, last) then return 0 end
  local from, to = bounds(first, last)
  return redis.call('ZLEXCOUNT', s.keys, from, to)
end

-- Calls with each key and its record.
local function each_record(s, keys, call)
  for begin = 1, #keys, PAGE do
    local page = { unpack(keys, begin, math.min(begin + PAGE - 1, #keys)) }
    local records = redis.call('HMGET', s.records, unpack(page))
    for at, key in ipairs(page) do call(key, records[at]) end
  end
end

-- The revision as things stand in a transaction.
local function current(s)
  return #s.events > 0 and s.revision + 1 or s.revision
end

local function note(s, key, after, before)
  s.events[#s.events + 1] = { key, after, before }
end

-- Writes a key and returns what it was. What is to be kept and is not there is empty.
local function write(s, op)
  local before = redis.call('HGET', s.records, op.key)
  local was = before and parts(before)
  local value, lease = op.value, op.lease
  if op.ignore_value then value = was and was.value or '' end
  if op.ignore_lease then lease = was and was.lease or NO_LEASE end
  local revision = s.revision + 1
  local after = record(was and was.create or revision, revision, was and was.version + 1 or 1, lease, value)
  redis.call('HSET', s.records, op.key, after)
  if not was then redis.call('ZADD', s.keys, 0, op.key) end
  local lease_was = was and was.lease or NO_LEASE
  if lease_was ~= lease then
    if lease_was ~= NO_LEASE then redis.call('ZREM', s.attached, lease_was .. op.key) end
    if lease ~= NO_LEASE then redis.call('ZADD', s.attached, 0, lease .. op.key) end
  end
  note(s, op.key, after, before or '')
  return before
end

local function remove(s, key, before)
  redis.call('HDEL', s.records, key)
  redis.call('ZREM', s.keys, key)
  local lease = string.sub(before, 25, 32)
  if lease ~= NO_LEASE then redis.call('ZREM', s.attached, lease .. key) end
  note(s, key, '', before)
end

-- Forgets what only revisions before this one can see.
local function forget(s, revision)
  redis.call('XTRIM', s.log, 'MINID', text(revision))
  local first = redis.call('XRANGE', s.log, '-', '+', 'COUNT', 1)[1]
  s.compacted = revision
  s.trimmed = first and tonumber(string.match(first[2][2], ' (%d+)$')) or s.logged
  redis.call('HSET', s.meta, 'compacted', text(revision), 'trimmed', text(s.trimmed))
end

-- Takes the revision, if anything was written, and tells the log. A revision of many events is several entries, of
-- which all but the last say that there are more.
local function finish(s)
  if #s.events == 0 then return end
  s.revision = s.revision + 1
  local number = 0
  for begin = 1, #s.events, PAGE do
    local last = math.min(begin + PAGE - 1, #s.events)
    local head = text(s.now_us) .. ' ' .. text(s.logged)
    local fields = { last == #s.events and '.' or '+', head }
    for at = begin, last do
      local event = s.events[at]
      fields[#fields + 1] = event[1]
      fields[#fields + 1] = event[2]
      fields[#fields + 1] = ''
      fields[#fields + 1] = event[3]
      s.logged = s.logged + #event[1] + #event[2] + #event[3]
    end
    redis.call('XADD', s.log, text(s.revision) .. '-' .. number, unpack(fields))
    number = number + 1
  end
  s.events = {}
  redis.call('HSET', s.meta, 'revision', text(s.revision), 'logged', text(s.logged))
  local kept = s.revision - s.compacted
  if kept > HISTORY_REVISIONS then
    forget(s, s.compacted + math.floor(kept / 10))
  elseif s.logged - s.trimmed > HISTORY_BYTES and kept > 1 then
    forget(s, s.compacted + math.ceil(kept / 2))
  end
end
