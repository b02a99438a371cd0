-- A third less time than an INSERT of the same rows in one JSON parameter: nothing is read twice, and nothing is planned.
COPY events (channel, epoch, seq, at, type, event, dn, call_id, body) FROM STDIN
