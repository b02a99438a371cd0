-- $1 channel  $2 epochs  $3 first number of each
INSERT INTO log_epochs (channel, epoch, first_seq)
SELECT $1, epoch, first_seq FROM unnest($2::text[], $3::bigint[]) AS begun (epoch, first_seq)
ON CONFLICT (channel, epoch) DO NOTHING
