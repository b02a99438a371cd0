-- Tells the log's meta data what PostgreSQL remembers, where Redis forgot it: epochs that were lost together with the
-- log, and how far a log that was rolled back had once been written. The next append then begins a new epoch behind
-- that mark and says so in band, instead of giving out the same numbers twice.
--
-- KEYS  1 meta hash   2 log stream
-- ARGV  1 epochs that PostgreSQL has, `<epoch>:<first seq>,…`, oldest first; never empty
--       2 highest seq that PostgreSQL has of the last of them
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
local older = {}
local newest = nil
for epoch, first in string.gmatch(ARGV[1], '([^,:]+):(%d+)') do
  newest = epoch
  -- Where numbers began again at 1 because nobody was left to remember, the two histories stay apart.
  if epoch < own and tonumber(first) < tonumber(own_first) then older[#older + 1] = epoch .. ':' .. first end
end
local recalled = 0
if #older > 0 then
  redis.call('HSET', meta, 'epochs', table.concat(older, ',') .. ',' .. epochs)
  recalled = 1
end
if newest == current and seq < persisted then
  redis.call('HSET', meta, 'seq', ARGV[2])
  recalled = 1
end
return recalled
