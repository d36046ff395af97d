"""A node that broadcasts: it tells each peer, until that peer has said that it knows.

Source: Hadzilacos & Toueg, "A Modular Approach to Fault-Tolerant Broadcasts and Related Problems", 1994, section 3.
"""

import json
import sys

AGAIN_MS = 500  # several round trips: an answer is usually there before


class Node:
    """One node. known: every message, once, in the order in which they came. untold: by peer, what it may not know yet."""

    def __init__(self):
        self.me = ""
        self.known = {}
        self.untold = {}

    def handle(self, message):
        """One message that came in."""
        src = message["src"]
        match message["body"]:
            case {"type": "init", "node_id": me, "node_ids": names}:
                self.me = me
                self.untold = {name: {} for name in names if name != me}
                self.reply(message, {"type": "init_ok"})
                self.wake_later()
            case {"type": "broadcast", "message": value}:
                self.learn([value])
                self.reply(message, {"type": "broadcast_ok"})
                self.tell()
            case {"type": "read"}:
                self.reply(message, {"type": "read_ok", "messages": list(self.known)})
            case {"type": "news", "messages": values}:
                self.learn(values)
                self.send(src, {"type": "heard", "messages": values})
            case {"type": "heard", "messages": values}:
                self.learn(values)
            case {"type": "wake_ok"}:
                self.tell()
                self.wake_later()

    def learn(self, values):
        """Every node passes on what is news to it: the one that was told first may be cut off from some."""
        for value in values:
            if value not in self.known:
                self.known[value] = None
                for untold in self.untold.values():
                    untold[value] = None

    def tell(self):
        for peer, untold in self.untold.items():
            if untold:
                self.send(peer, {"type": "news", "messages": list(untold)})

    # --- The protocol ---

    def send(self, dest, body):
        print(json.dumps({"src": self.me, "dest": dest, "body": body}), flush=True)

    def reply(self, message, body):
        self.send(message["src"], {**body, "in_reply_to": message["body"]["msg_id"]})

    def wake_later(self):
        self.send("clock", {"type": "wake", "after_ms": AGAIN_MS, "msg_id": 0})


if __name__ == "__main__":
    node = Node()
    for line in sys.stdin:
        node.handle(json.loads(line))
