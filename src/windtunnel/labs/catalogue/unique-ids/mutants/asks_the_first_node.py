"""A node that gives out ids. It speaks the Maelstrom protocol: one JSON message a line, in on stdin and out on stdout."""

import json
import sys

name = None
count = 0
asking = {}


def send(dest, body):
    """One message out."""
    sys.stdout.write(json.dumps({"src": name, "dest": dest, "body": body}) + "\n")
    sys.stdout.flush()


for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    if body["type"] == "init":
        name = body["node_id"]
        send(src, {"type": "init_ok", "in_reply_to": body["msg_id"]})
    elif body["type"] == "generate" and name == "n0":
        count += 1
        send(src, {"type": "generate_ok", "id": count, "in_reply_to": body["msg_id"]})
    elif body["type"] == "generate":
        asking[len(asking) + 1] = (src, body["msg_id"])
        send("n0", {"type": "generate", "msg_id": len(asking)})
    else:
        client, number = asking[body["in_reply_to"]]
        send(client, {"type": "generate_ok", "id": body["id"], "in_reply_to": number})
