-- $1 channel  $2 JSON array of rows, their times in Unix ms
INSERT INTO event_index (channel, kind, value, epoch, first_seq, last_seq, from_at, to_at, seqs)
SELECT $1, kind, value, epoch, first_seq, last_seq, to_timestamp(from_at / 1000.0), to_timestamp(to_at / 1000.0), seqs
FROM json_to_recordset($2::json)
  AS posting (kind text, value text, epoch text, first_seq bigint, last_seq bigint, from_at bigint, to_at bigint,
    seqs smallint[])
