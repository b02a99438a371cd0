-- $1 channel  $2 epoch and $3 number up to where there is everything  $4 number where it goes on  $5 lost  $6 reason
INSERT INTO log_gaps (channel, epoch, after_seq, before_seq, lost, reason)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (channel, epoch, after_seq) DO UPDATE SET
  before_seq = EXCLUDED.before_seq, lost = EXCLUDED.lost, reason = EXCLUDED.reason, recorded_at = now()
