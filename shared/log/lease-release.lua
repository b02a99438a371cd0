-- Gives the lease of the log back, so that another ingest need not watch it stand still.
--
-- KEYS  1 lease hash
-- ARGV  1 run
-- Returns 1 when it was this run's
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'released', '1')
return 1
