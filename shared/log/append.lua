-- Appends a batch to one channel: gapless numbers, the state projection and the memory of what this writer already
-- wrote change together or not at all.
--
-- KEYS  1 log stream   2 meta hash   3 writer string   4 participants hash   5 calls hash
--       6 recovery hash   7 lease hash
-- ARGV  1 writer sequence of the batch's first entry
--       2 highest seq this writer knows was written (0 when it knows none)
--       3 epoch to begin if the log turns out to be lost or rolled back
--       4 now, Unix ms   5 now, ISO 8601   6 seconds the writer string is kept
--       7 run that must have the lease, '' for a writer that needs none   8 number of entries
--       then for each entry: type, at, body, dn, call, event, traceparent ('' = absent), number of state changes,
--       and for each state change: 'p', 'c' or 'r', hash field, value ('' = delete)
-- Returns { epoch, seq of the batch's last entry, entries skipped as already written, 1 if an epoch began }
-- Fails with FENCED, and has written nothing, when another run has the lease

local log, meta, writer = KEYS[1], KEYS[2], KEYS[3]
local states = { p = KEYS[4], c = KEYS[5], r = KEYS[6] }
local first_write, known = tonumber(ARGV[1]), tonumber(ARGV[2])
local count = tonumber(ARGV[8])

if ARGV[7] ~= '' then
  -- A lease that Redis has lost is nobody else's.
  local run = redis.call('HGET', KEYS[7], 'run')
  if run and run ~= ARGV[7] then return redis.error_reply('FENCED another ingest has the lease') end
end

local stored = redis.call('HMGET', meta, 'seq', 'epochs')
local seq, epochs = tonumber(stored[1] or '0'), stored[2]
local has_log = redis.call('EXISTS', log) == 1
local last = 0
if has_log then
  -- XINFO's reply is a flat list of names and values; a fully trimmed stream still knows its last id.
  local info = redis.call('XINFO', 'STREAM', log)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = tonumber(string.match(info[i + 1], '^(%d+)')) end
  end
end

-- Base 36, so that an epoch begun while the clock is set back still sorts after the one before it.
local function successor(epoch)
  local digits = '0123456789abcdefghijklmnopqrstuvwxyz'
  for i = #epoch, 1, -1 do
    local at = string.find(digits, string.sub(epoch, i, i), 1, true)
    if at < 36 then
      return string.sub(epoch, 1, i - 1) .. string.sub(digits, at + 1, at + 1) .. string.rep('0', #epoch - i)
    end
  end
  return epoch
end

local written = redis.call('GET', writer)
local written_until, written_seq = 0, 0
if written then
  local w, s = string.match(written, '^(%d+):(%d+)$')
  written_until, written_seq = tonumber(w), tonumber(s)
end

local reason = nil
if epochs and has_log then
  if known > last or seq > last then reason = 'log_rolled_back' end
  -- Others may have written past what was lost before this writer came back. It has no holes, so that a last sequence of
  -- its own that is not the one before this batch was rolled back, too.
  if written and written_until < first_write - 1 then reason = 'log_rolled_back' end
elseif epochs or has_log or known > 0 then
  reason = 'log_reset'
end

-- A run that has written nothing yet does not know what was written last, and a server that was promoted since the run
-- before it need not have it: the gap that it begins with is then the first entry of an epoch. Whoever has seen the same
-- numbers before is told, and who has not sees no more of it than that gap. A server that was only started again has
-- everything; that one was promoted, its second replication id says.
local took_over, server = false, nil
if ARGV[7] ~= '' and known == 0 and not written then
  local info = redis.pcall('INFO', 'replication')
  local before
  if type(info) == 'string' then
    server, before = string.match(info, 'master_replid:(%x+)'), string.match(info, 'master_replid2:(%x+)')
  end
  local known_server = redis.call('HGET', meta, 'server')
  local is_promoted = before and string.find(before, '[^0]') ~= nil
  took_over = is_promoted and known_server and known_server ~= server and ARGV[9] == 'gap'
  if known_server and ARGV[9] ~= 'gap' then server = nil end
end

local began = 0
local highest = math.max(seq, last, known)
if reason or took_over or not epochs then
  local epoch = ARGV[3]
  local current = epochs and string.match(epochs, '([^,:]+):%d+$')
  if current and epoch <= current then epoch = successor(current) end
  local entry = epoch .. ':' .. string.format('%.0f', highest + 1)
  epochs = epochs and (epochs .. ',' .. entry) or entry
  began = 1
  if reason then
    -- The first entry of the new epoch says in band what happened; numbers never go back, so that a reader blocked on
    -- a re-created stream wakes up.
    seq = highest + 1
    -- How many is known only where nobody has written over them.
    local lost = reason == 'log_rolled_back' and highest > last and string.format('%.0f', highest - last) or 'null'
    redis.call('XADD', log, string.format('%.0f-0', seq), 't', 'gap', 'at', ARGV[4], 'b',
      '{"at":"' .. ARGV[5] .. '","lost":' .. lost .. ',"reason":"' .. reason .. '"}')
  end
end

local skip = math.max(0, math.min(count, written_until - first_write + 1))

local at = 9
for i = 1, count do
  local changes = tonumber(ARGV[at + 7])
  if i > skip then
    seq = seq + 1
    local fields = { 't', ARGV[at], 'at', ARGV[at + 1], 'b', ARGV[at + 2] }
    if ARGV[at + 3] ~= '' then fields[#fields + 1] = 'dn'; fields[#fields + 1] = ARGV[at + 3] end
    if ARGV[at + 4] ~= '' then fields[#fields + 1] = 'call'; fields[#fields + 1] = ARGV[at + 4] end
    if ARGV[at + 5] ~= '' then fields[#fields + 1] = 'ev'; fields[#fields + 1] = ARGV[at + 5] end
    if ARGV[at + 6] ~= '' then fields[#fields + 1] = 'tp'; fields[#fields + 1] = ARGV[at + 6] end
    redis.call('XADD', log, string.format('%.0f-0', seq), unpack(fields))
    for change = 0, changes - 1 do
      local where = at + 8 + change * 3
      local hash = states[ARGV[where]]
      if ARGV[where + 2] == '' then
        redis.call('HDEL', hash, ARGV[where + 1])
      else
        redis.call('HSET', hash, ARGV[where + 1], ARGV[where + 2])
      end
    end
  end
  at = at + 8 + changes * 3
end

if skip < count then
  written_until = first_write + count - 1
  written_seq = seq
  redis.call('SET', writer, string.format('%.0f:%.0f', written_until, written_seq), 'EX', ARGV[6])
end
if skip < count or began == 1 then
  redis.call('HSET', meta, 'seq', string.format('%.0f', seq), 'epochs', epochs)
end
if server then redis.call('HSET', meta, 'server', server) end

-- Of a batch that was skipped whole, the last entry's number follows from the writer's last one: batches are contiguous.
local last_seq = written_seq - (written_until - (first_write + count - 1))
return { string.match(epochs, '([^,:]+):%d+$'), last_seq, skip, began }
