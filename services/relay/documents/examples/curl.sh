#!/bin/sh
# Prints a page of events per line and waits for more. Started again it goes on where it stopped.
#
#   RELAY_URL=http://127.0.0.1:8082 RELAY_KEY=3cxr_… sh curl.sh
set -eu
file=${POSITION_FILE:-position.txt}

while :; do
  after=$(cat "$file" 2>/dev/null || echo start)
  # The key goes in by a pipe: on the command line every user of this machine could read it.
  page=$(printf 'header = "Authorization: Bearer %s"\n' "$RELAY_KEY" |
    curl --config - --silent --show-error --fail-with-body --retry 5 --retry-connrefused --max-time 90 \
      "$RELAY_URL/relay/events?channel=calls&after=$after&limit=1000&wait=30")
  # "next" stands behind the events; null: nothing was ever written.
  next=$(printf '%s' "$page" | sed -n 's/.*],"next":"\([^"]*\)".*/\1/p')
  [ "$next" = "$after" ] && continue
  printf '%s\n' "$page"
  # Only when the page was dealt with, and as a whole, never half.
  [ -n "$next" ] && printf '%s' "$next" >"$file.new" && mv "$file.new" "$file"
done
