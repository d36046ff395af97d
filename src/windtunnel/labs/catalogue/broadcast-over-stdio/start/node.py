"""A node that broadcasts, unfinished: see README.md. It runs, and everybody hears everything, as long as no message is lost."""

import json
import sys


class Node:
    """One node. What a client says goes to everybody, once."""

    def __init__(self):
        self.me = ""
        self.peers = []
        self.known = []

    def handle(self, message):
        """One message that came in."""
        body = message["body"]
        match body["type"]:
            case "init":
                self.me = body["node_id"]
                self.peers = [name for name in body["node_ids"] if name != self.me]
                self.reply(message, {"type": "init_ok"})
            case "broadcast":
                self.known.append(body["message"])
                for peer in self.peers:
                    self.send(peer, {"type": "news", "messages": [body["message"]]})
                self.reply(message, {"type": "broadcast_ok"})
            case "read":
                self.reply(message, {"type": "read_ok", "messages": self.known})
            case "news":
                self.known += body["messages"]

    def send(self, dest, body):
        """One line on stdout. Whatever else you print, print it to stderr."""
        print(json.dumps({"src": self.me, "dest": dest, "body": body}), flush=True)

    def reply(self, message, body):
        self.send(message["src"], {**body, "in_reply_to": message["body"]["msg_id"]})


if __name__ == "__main__":
    node = Node()
    for line in sys.stdin:
        node.handle(json.loads(line))
