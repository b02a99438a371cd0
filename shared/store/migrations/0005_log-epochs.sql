-- The epochs of each channel and the first number of each, for a log that lost them together with its data: positions of
-- earlier epochs keep their meaning, and numbers that were given out are not given out again.
CREATE TABLE log_epochs (
  channel text NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  first_seq bigint NOT NULL,
  PRIMARY KEY (channel, epoch)
);
INSERT INTO log_epochs (channel, epoch, first_seq) SELECT channel, epoch, min(seq) FROM events GROUP BY channel, epoch;
