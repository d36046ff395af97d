"""A member of a chat, unfinished: see README.md. It runs, and shows everything as soon as it comes."""


class Member:
    """One person's program. It shows what it hears."""

    def __init__(self, me, members, send, show):
        self.me = me
        self.peers = [member for member in members if member != me]
        self.send = send
        self.show = show

    def say(self, room, text):
        message = {"room": room, "author": self.me, "text": text}
        self.show(room, self.me, text)
        for peer in self.peers:
            self.send(peer, message)

    def hear(self, src, packet):
        self.show(packet["room"], packet["author"], packet["text"])

    def tick(self):
        """Called every 0.2 s: time to repair what was lost (stage 3)."""
