"""Rumor mongering, and anti-entropy for those whom the rumors miss.

Source: Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", PODC 1987, sections 1.3 to 1.5.
"""

from zlib import crc32

INTEREST = 3  # contacts that knew a rumor already, after which it is told no more
COMPARE_EVERY = 8  # rounds


class Node:
    """One node. hot: what it still tells, and to how many it was no news. known: everything, in the order in which it came."""

    def __init__(self, me, peers, send, dice):
        self.peers = [peers[int(dice() * len(peers))]]
        self.send = send
        self.dice = dice
        self.known = {}
        self.hot = {}
        self.rounds = 0

    def broadcast(self, rumor):
        self._learn(rumor)

    def read(self):
        return list(self.known)

    def tick(self):
        self.rounds += 1
        if self.hot:
            self.send(self._somebody(), {"news": list(self.hot)})
        if self.rounds % COMPARE_EVERY == 0:
            self.send(self._somebody(), {"checksum": self._checksum()})

    def hear(self, src, packet):
        match packet:
            case {"news": rumors}:
                old = [rumor for rumor in rumors if not self._learn(rumor)]
                if old:
                    self.send(src, {"old": old})
            case {"old": rumors}:
                for rumor in rumors:
                    self._bored_of(rumor)
            case {"checksum": checksum} if checksum != self._checksum():
                self.send(src, {"all": list(self.known), "answer": True})
            case {"all": rumors, "answer": answer}:
                missing = [rumor for rumor in self.known if rumor not in set(rumors)]
                if answer and missing:
                    self.send(src, {"all": missing, "answer": False})
                for rumor in rumors:
                    self._learn(rumor)

    # --- Rumors ---

    def _learn(self, rumor):
        """Whether it was news."""
        if rumor in self.known:
            return False
        self.known[rumor] = self.hot[rumor] = 0
        return True

    def _bored_of(self, rumor):
        if rumor in self.hot:
            self.hot[rumor] += 1
            if self.hot[rumor] == INTEREST:
                del self.hot[rumor]

    def _somebody(self):
        return self.peers[int(self.dice() * len(self.peers))]

    def _checksum(self):
        """Of the set of rumors, whatever their order."""
        return crc32(repr(sorted(self.known)).encode())
