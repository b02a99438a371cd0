"""Prints every event as it happens. Started again it goes on where it stopped. Python 3.8 or later, no packages.

    RELAY_URL=http://127.0.0.1:8082 RELAY_KEY=3cxr_… python3 python.py
"""

import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request

URL = os.environ["RELAY_URL"] + "/relay/events/stream?channel=calls&after=start"
KEY = os.environ["RELAY_KEY"]
FILE = os.environ.get("POSITION_FILE", "position.txt")
# Something comes at every heartbeat, 15 s as a rule: longer silence is a connection that is lost.
SILENCE = 60


def read_position():
    try:
        with open(FILE) as file:
            return file.read()
    except FileNotFoundError:
        return None


def keep_position(position):
    with open(FILE + ".new", "w") as file:
        file.write(position)
    os.replace(FILE + ".new", FILE)


def messages(after):
    """The messages of one connection, each with its position, or None where it has none."""
    headers = {"Authorization": f"Bearer {KEY}", **({"Last-Event-ID": after} if after else {})}
    request = urllib.request.Request(URL, headers=headers)
    with urllib.request.urlopen(request, timeout=SILENCE) as answer:
        position, data = None, []
        for line in answer:
            field, _, value = line.decode().rstrip("\n").partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "id":
                position = value
            elif field == "data":
                data.append(value)
            elif field == "" and value == "" and data:
                yield json.loads("\n".join(data)), position
                position, data = None, []


def handle(message):
    if message["type"] == "call_event":
        print(message["at"], message["event"], (message["call"] or {}).get("callId", ""), flush=True)
    elif message["type"] == "gap":
        print("events are missing:", message["reason"], file=sys.stderr)
    elif message["type"] == "error" and message["code"] == "closed":
        sys.exit(f"the relay closed the stream: {message['message']}")


def main():
    after = read_position()
    wait = 0.5
    while True:
        try:
            for message, position in messages(after):
                wait = 0.5
                handle(message)
                # Behind what was dealt with, never before it.
                if position:
                    after = position
                    keep_position(position)
        except urllib.error.HTTPError as error:
            # Another try helps against a limit or a relay that is not well, not against a wrong key or request.
            if error.code != 429 and error.code < 500:
                sys.exit(f"the relay answered {error.code}: {error.read().decode()}")
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(random.uniform(0, wait))
        wait = min(30, wait * 2)


if __name__ == "__main__":
    main()
