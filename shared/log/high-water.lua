-- Tells a log that was rolled back how far it had once been written, so that its next append begins a new epoch
-- instead of giving out the same numbers twice.
--
-- KEYS  1 meta hash
-- ARGV  1 epoch and 2 seq that PostgreSQL has
-- Returns 1 when the mark was raised

local stored = redis.call('HMGET', KEYS[1], 'seq', 'epochs')
local current = stored[2] and string.match(stored[2], '([^,:]+):%d+$')
if current ~= ARGV[1] or tonumber(stored[1] or '0') >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'seq', ARGV[2])
return 1
