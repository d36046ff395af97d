"""Rumors among many nodes, unfinished: see README.md. It runs, and everybody hears everything, as long as no packet is lost."""


class Node:
    """One node. Who hears something new tells everybody, once."""

    def __init__(self, me, peers, send, dice):
        self.peers = peers
        self.send = send
        self.dice = dice
        self.known = []

    def broadcast(self, rumor):
        self.known.append(rumor)
        for peer in self.peers:
            self.send(peer, [rumor])

    def read(self):
        return self.known

    def hear(self, src, packet):
        self.known += [rumor for rumor in packet if rumor not in self.known]

    def tick(self):
        """Called once in every round."""
