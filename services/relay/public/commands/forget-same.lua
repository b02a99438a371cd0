-- Removes a string when it still holds what the caller knows, and not what somebody else has put there since.
--
-- KEYS  1 the string
-- ARGV  1 its value
-- Returns 1 when it was removed

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
