-- Gives up the oldest entries of one channel whether they are persisted or not: the last resort of a log without room.
--
-- KEYS  1 log stream   2 meta hash
-- ARGV  1 highest seq to give up   2 most entries to remove in one call
-- Returns { entries removed, lowest seq removed, highest seq ever removed }
local log, meta = KEYS[1], KEYS[2]
local trimmed = tonumber(redis.call('HGET', meta, 'trimmed') or '0')
local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
local first = oldest and tonumber(string.match(oldest[1], '^(%d+)'))
if not first or first > tonumber(ARGV[1]) then return { 0, 0, trimmed } end

local until_seq = math.min(tonumber(ARGV[1]), first + tonumber(ARGV[2]) - 1)
local removed = redis.call('XTRIM', log, 'MINID', '=', string.format('%.0f', until_seq + 1))
trimmed = math.max(trimmed, until_seq)
-- A server that is out of memory refuses this and not the line above.
redis.pcall('HSET', meta, 'trimmed', string.format('%.0f', trimmed))
return { removed, first, trimmed }
