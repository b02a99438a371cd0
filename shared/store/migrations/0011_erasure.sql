-- The same as toNumberKey: what two spellings of a telephone number have in common.
CREATE FUNCTION number_key(p_number text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT regexp_replace(regexp_replace(p_number, '\D', '', 'g'), '^00', '')
$$;
