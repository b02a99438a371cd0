-- Removes a string when it still holds what the caller knows, and not what somebody else has put there since.
--
-- KEYS  1 the string  2 the sorted set in which it is counted
-- ARGV  1 its value  2 its name in the set
-- Returns 1 when it was removed

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('ZREM', KEYS[2], ARGV[2])
return redis.call('DEL', KEYS[1])
