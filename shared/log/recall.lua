-- Tells the log's meta data what PostgreSQL remembers, where Redis forgot it: epochs that were lost together with the
-- log, and how far a log that was rolled back had once been written. The next append then begins a new epoch behind
-- that mark and says so in band, instead of giving out the same numbers twice. A log that was rolled back to before an
-- epoch, and was written since, has given them out twice already: what stands under them is of an epoch of its own.
--
-- KEYS  1 meta hash   2 log stream
-- ARGV  1 epochs that PostgreSQL has, `<epoch>:<first seq>,…`, oldest first; never empty
--       2 highest seq that PostgreSQL has of the last of them
--       3 name of an epoch that begins now
-- Returns 1 when something was recalled
local meta, log = KEYS[1], KEYS[2]
local persisted = tonumber(ARGV[2])
local stored = redis.call('HMGET', meta, 'seq', 'epochs')
local seq, epochs = tonumber(stored[1] or '0'), stored[2]

if not epochs then
  -- The log itself may still be there: then it simply goes on, and nothing was lost at all.
  local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  local last = newest and tonumber(string.match(newest[1], '^(%d+)')) or 0
  redis.call('HSET', meta, 'seq', string.format('%.0f', math.max(persisted, last)), 'epochs', ARGV[1])
  return 1
end

local own, own_first = string.match(epochs, '^([^,:]+):(%d+)')
local current = string.match(epochs, '([^,:]+):%d+$')
local older, later = {}, {}
local later_first, newest, is_current_known = nil, nil, false
for epoch, first in string.gmatch(ARGV[1], '([^,:]+):(%d+)') do
  -- Where numbers began again at 1 because nobody was left to remember, the two histories stay apart.
  if epoch < own and tonumber(first) < tonumber(own_first) then older[#older + 1] = epoch .. ':' .. first end
  if is_current_known then
    later_first = later_first or tonumber(first)
    later[#later + 1] = epoch .. ':' .. first
  end
  newest = epoch
  is_current_known = is_current_known or epoch == current
end

local known = #older > 0 and (table.concat(older, ',') .. ',' .. epochs) or epochs
local mark = seq
if #later == 0 then
  if newest == current then mark = math.max(seq, persisted) end
elseif seq < later_first then
  known = known .. ',' .. table.concat(later, ',')
  mark = persisted
elseif ARGV[3] > newest then
  known = known .. ',' .. ARGV[3] .. ':' .. string.format('%.0f', later_first)
end
if known == epochs and mark == seq then return 0 end
redis.call('HSET', meta, 'seq', string.format('%.0f', mark), 'epochs', known)
return 1
