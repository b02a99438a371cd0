-- The trigger api_keys_change notifies with the id of the key.
LISTEN api_keys
