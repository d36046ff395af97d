"""A chat whose rooms keep causal order: nobody sees an answer before its question, and nothing is lost for good.

Source: Birman, Schiper & Stephenson, "Lightweight Causal and Atomic Group Multicast", ACM TOCS 9(3), 1991, section 5;
        Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", PODC 1987, section 1.3: anti-entropy.
"""


class Member:
    """One person's program. clocks: by room and author, how many of their messages were shown here."""

    def __init__(self, me, members, send, show):
        self.me = me
        self.peers = [member for member in members if member != me]
        self.send = send
        self.show = show
        self.clocks = {}
        self.shown = []
        self.waiting = []  # heard, and not to be shown yet

    def say(self, room, text):
        after = self._clock(room)  # a message comes after everything that its author had seen in the room
        message = {"room": room, "author": self.me, "after": after, "text": text}
        self._show(message)
        for peer in self.peers:
            self.send(peer, message)

    def hear(self, src, packet):
        if "clocks" in packet:
            self._repair(src, packet["clocks"])
            return
        self.waiting.append(packet)
        while ready := next(filter(self._is_next, self.waiting), None):
            self._show(ready)
        self.waiting = [message for message in self.waiting if not self._is_old(message)]

    def tick(self):
        for peer in self.peers:
            self.send(peer, {"clocks": self.clocks})

    # --- Order ---

    def _clock(self, room):
        return self.clocks.setdefault(room, {})

    def _is_next(self, message):
        """Everything that its author had seen was shown here, and it was not."""
        clock, after = self._clock(message["room"]), message["after"]
        return number(message) == clock.get(message["author"], 0) + 1 and all(
            clock.get(author, 0) >= count for author, count in after.items()
        )

    def _is_old(self, message):
        return number(message) <= self._clock(message["room"]).get(message["author"], 0)

    def _show(self, message):
        self._clock(message["room"])[message["author"]] = number(message)
        self.shown.append(message)
        self.show(message["room"], message["author"], message["text"])

    # --- Repair ---

    def _repair(self, peer, theirs):
        """Send what was shown here and not there, whoever wrote it."""
        for message in self.shown:
            if number(message) > theirs.get(message["room"], {}).get(message["author"], 0):
                self.send(peer, message)


def number(message):
    """The place of a message among those of its author in its room, from 1."""
    return message["after"].get(message["author"], 0) + 1
