"""A node that gives out ids. It speaks the Maelstrom protocol: one JSON message a line, in on stdin and out on stdout."""

import json
import random
import sys


class Node:
    """One node. name: n0, n1, ...; nobody has told it yet."""

    def __init__(self):
        self.name = None

    def on_init(self, body):
        """The first message of all: who we are, and who else there is."""
        self.name = body["node_id"]
        return {"type": "init_ok"}

    def on_generate(self, body):
        """A client wants an id that nobody has had before."""
        return {"type": "generate_ok", "id": random.randrange(1000)}


def send(node, dest, body):
    """One message out. Everything else that you want to say goes to stderr."""
    sys.stdout.write(json.dumps({"src": node.name, "dest": dest, "body": body}) + "\n")
    sys.stdout.flush()


def main():
    """Answer message by message until stdin ends."""
    node = Node()
    for line in sys.stdin:
        message = json.loads(line)
        body = message["body"]
        answer = getattr(node, f"on_{body['type']}")(body)
        if answer is not None:
            send(node, message["src"], {**answer, "in_reply_to": body["msg_id"]})


main()
