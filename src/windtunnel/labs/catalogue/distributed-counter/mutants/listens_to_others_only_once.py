"""A G-Counter: every replica counts what was added at it, and knows the latest counts of the others.

Source: Shapiro, Preguiça, Baquero & Zawirski, "A Comprehensive Study of Convergent and Commutative Replicated Data Types",
        2011, section 3.1.1.
"""


class Counter:
    """One replica. counts: by replica, what was added there as far as is known here. Only its owner raises an entry."""

    def __init__(self, me, peers, save, saved):
        self.me = me
        self.save = save
        self.counts = {me: 0, **(saved or {})}

    def add(self, amount):
        self.counts[self.me] += amount
        self.save(self.counts)  # before the client is told, and before any peer is

    def value(self):
        return sum(self.counts.values())

    def tell(self, peer):
        return self.counts

    def hear(self, news):
        for replica, count in news.items():
            self.counts[replica] = self.counts.get(replica, count)
