SELECT channel, epoch, seq::float8 AS seq, updated_at FROM log_positions
