-- A page of one channel, packed as MessagePack into one string. A client takes several times as long for the dozen small
-- strings that each entry is made of in Redis's own protocol as Redis takes to pack them.
--
-- KEYS  1 log stream
-- ARGV  1 XRANGE or XREVRANGE   2 and 3 where it begins and ends   4 entries at most
return cmsgpack.pack(redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3], 'COUNT', ARGV[4]))
