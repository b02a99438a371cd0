-- Removes the oldest entries of one channel: those that are persisted and too old, or persisted and too many.
--
-- KEYS  1 log stream   2 meta hash
-- ARGV  1 epoch and 2 seq up to which everything is persisted
--       3 Unix ms: entries before are too old
--       4 how many of the newest entries may stay
--       5 most entries to remove in one call: Redis serves nobody else meanwhile
-- Returns { entries removed, highest seq ever removed }

local log, meta = KEYS[1], KEYS[2]
local persisted = tonumber(ARGV[2])
local too_old_before, keep, step = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local stored = redis.call('HMGET', meta, 'seq', 'epochs', 'trimmed')
local head, epochs, trimmed = tonumber(stored[1] or '0'), stored[2] or '', tonumber(stored[3] or '0')
local nothing = { 0, trimmed }

-- The last number of the persisted epoch: what comes after it is of an epoch that nobody has copied yet.
local last_of_epoch = nil
for epoch, first in string.gmatch(epochs, '([^,:]+):(%d+)') do
  if last_of_epoch == 'next' then last_of_epoch = tonumber(first) - 1 end
  if epoch == ARGV[1] then last_of_epoch = 'next' end
end
if last_of_epoch == nil then return nothing end
if last_of_epoch == 'next' then
  -- The log ends before what was persisted: it was rolled back, and its last entries may be others than those copied.
  if persisted > head then return nothing end
  last_of_epoch = head
end
local bound = math.min(persisted, last_of_epoch)

local function entry_from(seq)
  return redis.call('XRANGE', log, string.format('%.0f', seq), '+', 'COUNT', 1)[1]
end
local function seq_of(entry)
  return tonumber(string.match(entry[1], '^(%d+)'))
end
local function at_of(entry)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'at' then return tonumber(entry[2][i + 1]) or 0 end
  end
  return 0
end

local oldest = entry_from(0)
if not oldest or seq_of(oldest) > bound then return nothing end
local first = seq_of(oldest)

-- The highest number that is too old, by bisection: the numbers are in order of time.
local low, high = first - 1, bound
while low < high do
  local middle = math.ceil((low + high) / 2)
  local entry = entry_from(middle)
  if entry and seq_of(entry) <= bound and at_of(entry) < too_old_before then
    low = seq_of(entry)
  else
    high = middle - 1
  end
end
local too_old = low
local too_many = head - keep

local until_seq = math.min(bound, math.max(too_old, too_many), first + step - 1)
if until_seq < first then return nothing end

local removed = redis.call('XTRIM', log, 'MINID', '=', string.format('%.0f', until_seq + 1))
trimmed = math.max(trimmed, until_seq)
redis.call('HSET', meta, 'trimmed', string.format('%.0f', trimmed))
return { removed, trimmed }
