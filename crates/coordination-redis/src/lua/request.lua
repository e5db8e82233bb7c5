
-- Requests: ranges, puts, deletions, transactions. They come as a list of words, in the order in which they are read here.

local function reader(words)
  local at = 0
  return function()
    at = at + 1
    return words[at]
  end
end

local parse

local function parse_list(next)
  local list = {}
  for at = 1, tonumber(next()) do list[at] = parse(next) end
  return list
end

local function parse_compare(next)
  local list = {}
  for at = 1, tonumber(next()) do
    list[at] = { first = next(), last = next(), operator = next(), target = next(), given = next() }
  end
  return list
end

parse = function(next)
  local kind = next()
  if kind == 'R' then
    return {
      kind = kind,
      first = next(),
      last = next(),
      revision = tonumber(next()),
      max = tonumber(next()),
      keys_only = next() == '1',
      count_only = next() == '1',
    }
  elseif kind == 'P' then
    return {
      kind = kind,
      key = next(),
      value = next(),
      lease = next(),
      ignore_value = next() == '1',
      ignore_lease = next() == '1',
      prev_kv = next() == '1',
    }
  elseif kind == 'D' then
    return { kind = kind, first = next(), last = next(), prev_kv = next() == '1' }
  end
  return { kind = kind, compare = parse_compare(next), success = parse_list(next), failure = parse_list(next) }
end

local ABSENT = { create = 0, mod = 0, version = 0, lease = NO_LEASE }

local function holds_for(compare, kv)
  local is = kv[compare.target]
  local ordering
  if compare.target == 'value' or compare.target == 'lease' then
    ordering = order(is, compare.given)
  else
    ordering = is - tonumber(compare.given)
  end
  if compare.operator == '=' then return ordering == 0 end
  if compare.operator == '!' then return ordering ~= 0 end
  if compare.operator == '>' then return ordering > 0 end
  return ordering < 0
end

-- It must hold for each key of the range or, where there is none, for one that does not exist.
local function holds(s, compare)
  local offset = 0
  while true do
    local keys = keys_in(s, compare.first, compare.last, offset, PAGE)
    if #keys == 0 then break end
    local held = true
    each_record(s, keys, function(_, packed) held = held and holds_for(compare, parts(packed)) end)
    if not held then return false end
    offset = offset + #keys
  end
  if offset > 0 then return true end
  -- A value that is not there equals nothing.
  return compare.target ~= 'value' and holds_for(compare, ABSENT)
end

-- Which branch a transaction takes, and those inside the branch: all are chosen before anything is written.
local function choose(s, txn)
  txn.succeeded = true
  for _, compare in ipairs(txn.compare) do
    if not holds(s, compare) then
      txn.succeeded = false
      break
    end
  end
  txn.ops = txn.succeeded and txn.success or txn.failure
  for _, op in ipairs(txn.ops) do
    if op.kind == 'T' then choose(s, op) end
  end
end

local function lease_refusal(s, op)
  if op.lease ~= NO_LEASE and not redis.call('ZSCORE', s.leases, op.lease) then return LEASE_NOT_FOUND end
end

local function put_refusal(s, op)
  if (op.ignore_value or op.ignore_lease) and redis.call('HEXISTS', s.records, op.key) == 0 then
    return KEY_NOT_FOUND
  end
  return lease_refusal(s, op)
end

local function range_refusal(s, op)
  if op.revision > s.revision then return FUTURE end
  if op.revision ~= 0 and op.revision < s.compacted then return COMPACTED end
end

-- The first refusal of the operations of a kind on the way through a transaction.
local function refusal_of(s, txn, kind, refusal)
  for _, op in ipairs(txn.ops) do
    local words
    if op.kind == 'T' then
      words = refusal_of(s, op, kind, refusal)
    elseif op.kind == kind then
      words = refusal(s, op)
    end
    if words then return words end
  end
end

-- Why a request can not be done, if it can not: before anything is written.
local function refusal(s, op)
  if op.kind == 'R' then return range_refusal(s, op) end
  -- Alone, its lease comes first; in a transaction, what it would keep.
  if op.kind == 'P' then return lease_refusal(s, op) or put_refusal(s, op) end
  if op.kind == 'D' then return nil end
  choose(s, op)
  return refusal_of(s, op, 'P', put_refusal) or refusal_of(s, op, 'R', range_refusal)
end

-- What the keys of a range held that were written after a revision: by key, an empty text where there was none; and
-- those keys in a list.
local function undone(s, op)
  local before, keys = {}, {}
  local function undo(key, packed)
    if contains(op.first, op.last, key) then
      if before[key] == nil then keys[#keys + 1] = key end
      before[key] = packed
    end
  end
  for at = #s.events, 1, -1 do undo(s.events[at][1], s.events[at][3]) end
  local to = '+'
  while true do
    local entries = redis.call('XREVRANGE', s.log, to, text(op.revision + 1), 'COUNT', PAGE)
    if #entries == 0 then break end
    for _, entry in ipairs(entries) do
      local fields = entry[2]
      for at = #fields - 3, 3, -4 do undo(fields[at], fields[at + 3]) end
    end
    to = '(' .. entries[#entries][1]
  end
  return before, keys
end

-- A range: the revision as things stand, how many keys there are, and keys with their records: as many as asked for, in
-- order; of the past some more, in none.
local function run_range(s, op)
  local before, changed = {}, {}
  if op.revision ~= 0 and op.revision < current(s) then before, changed = undone(s, op) end
  local count = count_in(s, op.first, op.last)
  for _, key in ipairs(changed) do
    local is = redis.call('HEXISTS', s.records, key)
    local was = before[key] ~= '' and 1 or 0
    count = count + was - is
  end
  local found = {}
  if op.count_only then return { 'R', current(s), count, found } end
  local function add(key, packed)
    found[#found + 1] = key
    found[#found + 1] = op.keys_only and string.sub(packed, 1, 32) or packed
  end
  local max = op.max == 0 and -1 or op.max + #changed
  each_record(s, keys_in(s, op.first, op.last, 0, max), function(key, packed)
    if before[key] == nil then add(key, packed) end
  end)
  for _, key in ipairs(changed) do
    if before[key] ~= '' then add(key, before[key]) end
  end
  return { 'R', current(s), count, found }
end

local function run_delete(s, op)
  local keys = keys_in(s, op.first, op.last, 0, -1)
  local found = {}
  each_record(s, keys, function(key, packed)
    remove(s, key, packed)
    if op.prev_kv then
      found[#found + 1] = key
      found[#found + 1] = packed
    end
  end)
  return { 'D', current(s), #keys, found }
end

local function run(s, op)
  if op.kind == 'R' then return run_range(s, op) end
  if op.kind == 'P' then
    local before = write(s, op)
    return { 'P', current(s), op.prev_kv and before }
  end
  if op.kind == 'D' then return run_delete(s, op) end
  local responses = {}
  for at, inner in ipairs(op.ops) do responses[at] = run(s, inner) end
  return { 'T', current(s), op.succeeded and 1 or 0, responses }
end

local function ask(keys, args)
  local s = open(keys)
  if not s then return EMPTY end
  local op = parse(reader(args))
  local words = refusal(s, op)
  if words then return { 0, words } end
  local response = run(s, op)
  finish(s)
  return { 1, response }
end

redis.register_function({ function_name = 'hyrax1_read', callback = ask, flags = { 'no-writes' } })
redis.register_function('hyrax1_write', ask)
redis.register_function({ function_name = 'hyrax1_remove', callback = ask, flags = { 'allow-oom' } })
