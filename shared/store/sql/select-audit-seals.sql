SELECT first_seq::float8 AS first_seq, last_seq::float8 AS last_seq, last_hash, last_epoch, last_log_seq::float8 AS last_log_seq,
  sealed_at
FROM audit_seals
ORDER BY last_seq
