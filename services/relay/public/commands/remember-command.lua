-- Remembers what an idempotency key stands for, unless it stands for something already or its owner has as many as he may.
--
-- KEYS  1 the string of the key  2 the sorted set of all keys of its owner, by the Unix ms at which they are forgotten
-- ARGV  1 value of the string  2 seconds it is kept  3 name of the key in the set  4 Unix ms now  5 how many an owner may have
-- Returns {'known', value that was there}, {'full', Unix ms at which the owner's oldest is forgotten} or {'remembered'}

local known = redis.call('GET', KEYS[1])
if known then return {'known', known} end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[4])
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then
  return {'full', redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]}
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.0f', ARGV[4] + ARGV[2] * 1000), ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return {'remembered'}
