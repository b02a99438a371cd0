-- $1 JSON array of entries, in the order of the chain
INSERT INTO audit_log (seq, epoch, log_seq, at, action, actor_kind, actor_id, actor_name, address, target, outcome, details,
  salt, content_digest, prev_hash, hash)
SELECT seq, epoch, "logSeq", to_timestamp(at / 1000.0), action, "actorKind", "actorId", "actorName", address, target, outcome,
  details, decode(salt, 'hex'), decode("contentDigest", 'hex'), decode("prevHash", 'hex'), decode(hash, 'hex')
FROM json_to_recordset($1::json)
  AS entry (seq bigint, epoch text, "logSeq" bigint, at bigint, action text, "actorKind" text, "actorId" text, "actorName" text,
    address text, target text, outcome text, details text, salt text, "contentDigest" text, "prevHash" text, hash text)
