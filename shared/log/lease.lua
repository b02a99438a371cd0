-- Asks for the lease of the log: who has it is the one ingest that writes. It has no time to live. Whoever waits watches
-- it stand still for as long as it is good, on a clock of its own that nobody sets: a Redis whose clock is set back, that
-- was frozen or that comes back after hours tells nobody that its holder is dead or alive.
--
-- KEYS  1 lease hash
-- ARGV  1 mode: 'first' the first question of this process, 'holder' it has the lease as far as it knows, 'standby'
--       2 run: names this process' time with the lease   3 owner: names the spool folder
--       4 term that the spool folder knows, '' for none   5 a new term
--       6 what a standby saw stand still for long enough, '<run>:<beat>' or 'missing'; '' for nothing
--       7 ms the lease is good for   8 host   9 pid   10 since, ISO 8601   11 now, ISO 8601
--       12 beat: another one each time this run asks
-- Returns { 1, term, host of another owner that had it before or '' }
--      or { 0, what stands there as in ARGV 6, its ms, host, pid, since, renewedAt, owner }

local mode, run, owner = ARGV[1], ARGV[2], ARGV[3]
local stored = redis.call('HMGET', KEYS[1], 'run', 'beat', 'owner', 'term', 'released', 'ms', 'host', 'pid', 'since', 'renewedAt')
local held_run, beat, held_owner, term = stored[1], stored[2], stored[3], stored[4]
local is_released = stored[5] == '1'

local stands = held_run and (held_run .. ':' .. beat) or 'missing'
local may
if held_run == run then
  may = true
elseif mode == 'holder' then
  -- Lost together with the data of Redis, the holder may have it again. Whoever has had it meanwhile has written.
  may = not held_run
elseif mode == 'first' then
  may = not held_run or is_released or held_owner == owner
end
if not may and mode ~= 'holder' then may = is_released or stands == ARGV[6] end

if not may then
  return { 0, stands, stored[6] or '', stored[7] or '', stored[8] or '', stored[9] or '', stored[10] or '', held_owner or '' }
end

local is_other = held_owner and held_owner ~= owner
if is_other or (not held_run and ARGV[4] == '') then
  term = ARGV[5]
elseif not held_run then
  term = ARGV[4]
end
redis.call('HSET', KEYS[1], 'run', run, 'owner', owner, 'term', term, 'ms', ARGV[7], 'host', ARGV[8], 'pid', ARGV[9],
  'since', ARGV[10], 'renewedAt', ARGV[11], 'beat', ARGV[12])
redis.call('HDEL', KEYS[1], 'released')
return { 1, term, is_other and stored[7] or '' }
