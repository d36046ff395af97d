"""The same question, level by level: all configurations of one return before any of the next.

Depth first (`search`) is quick to find an order, and slow to prove that there is none where unanswered operations are many: it
comes to a configuration with much used, searches all that follows, comes back with less used, and searches all that again. Here
those of one return are taken together, the ones that have used least first, so that what is dominated is met after what dominates
it and is never expanded. What is kept are two levels, however long the history.

At one return more can be compared than `search` does, where only what was used may differ:

* a read that is in order has no more wishes: a configuration that has it still to come can do nothing that this one cannot
  (leave the read out of any legal order);
* a hidden write (rule 8 there) may pass, or be used, so it can do whatever a write that is still open can, or one that was used.

So of two configurations with the same state, and the same other operations in order, the first is as good if every read and write
that is in order in the second is so in the first, and the first has used nothing that the second has not. Of such two only the
first is kept: a level is an antichain.

Why that loses nothing: take a legal order of what is left from the dominated configuration, without the reads that the other one
has behind it; it is legal from the other one, and no longer. So the shortest completion there is begins at one that was kept.
"""

from __future__ import annotations

from typing import TypeAlias

from windtunnel.checkers.problem import Problem, Reductions
from windtunnel.checkers.search import Configuration, Search

Member: TypeAlias = tuple[int, int, int]
"""Bits in order, bits used, state number: a configuration without its return."""


class Antichain:
    """Configurations of one return, none of which dominates another. free: bits of the reads and writes that may be compared.

    members: in the order in which they came.
    """

    def __init__(self, free: int, *, dominance: bool) -> None:
        self.members: dict[Member, None] = {}
        self._alike: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._free = free if dominance else 0
        self._dominance = dominance

    def add(self, ordered: int, used: int, state: int) -> bool:
        """Take a configuration in, and those out that it dominates; False if one that is here dominates it."""
        if not self._dominance:
            fresh = (ordered, used, state) not in self.members
            self.members[(ordered, used, state)] = None
            return fresh
        free = self._free
        alike = self._alike.setdefault((ordered & ~free, state), [])
        wanting = free & ~ordered
        for other, its_used in alike:
            if not (free & ordered & ~other or its_used & ~used):
                return False
        kept = []
        for other, its_used in alike:
            if other & wanting or used & ~its_used:
                kept.append((other, its_used))
            else:
                del self.members[(other, its_used, state)]
        kept.append((ordered, used))
        alike[:] = kept
        self.members[(ordered, used, state)] = None
        return True


class Levels(Search):
    """The search for one problem, level by level. It can be interrupted and resumed as `Search`, and ends with the same verdict.

    held: configurations of the two levels at hand. Never traced.
    """

    def __init__(self, problem: Problem, reductions: Reductions) -> None:
        super().__init__(problem, reductions)
        self._at = 0
        self._waiting: list[list[Member]] = []  # by how much was used
        self._least = 0
        self._begin_level([(ordered, used, state) for _, ordered, used, state in self._stack])
        self._stack = []

    @property
    def held(self) -> int:
        """How many configurations are remembered."""
        return len(self._visited.members) + len(self._passed.members)

    def run(self, steps: int) -> bool | None:
        """Go on for at most so many steps: True, there is a legal order; False, there is none; None, not known yet."""
        last = self.steps + steps
        while self._at < len(self.problem.returns):
            while self._least < len(self._waiting):
                if not self._waiting[self._least]:
                    self._least += 1
                    continue
                if self.steps >= last:
                    return None
                self._take(*self._waiting[self._least].pop())
            passed = list(self._passed.members)
            if not passed:
                return False
            self._at += 1
            self._begin_level(passed)
        return True

    def _begin_level(self, members: list[Member]) -> None:
        free = 0
        if self._at < len(self.problem.returns):
            _, reads, candidates, _ = self.problem.returns[self._at]
            for bit, number in [*reads, *candidates]:
                if self.problem.reads_only[number] or (self._hiding and self.problem.blind[number]):
                    free |= bit
        self._visited = Antichain(free, dominance=self._reductions.dominance)
        self._passed = Antichain(free, dominance=self._reductions.dominance)
        self._least = 0
        for member in reversed(members):
            self._wait(member)

    def _wait(self, member: Member) -> None:
        much = member[1].bit_count()
        while len(self._waiting) <= much:
            self._waiting.append([])
        self._waiting[much].append(member)
        self._least = min(self._least, much)

    def _take(self, ordered: int, used: int, state: int) -> None:
        """Order what only reads; pass the return if that is possible; if not, or if there is a choice, branch."""
        must, reads, _, _ = self.problem.returns[self._at]
        row = self._table[state]
        for bit, number in reads:
            if not ordered & bit:
                after = row.get(number)
                if (self._look(state, number) if after is None else after) == state:
                    ordered |= bit
        if ordered & must:
            ordered ^= must
            if self._hiding and used & must << self._shift:
                self._passed.add(ordered, used ^ must << self._shift, state)
                return
            self._passed.add(ordered, used, state)
            if not (self._hiding and self._blind_at[self._at]):
                return
            # hidden so far, but it may be used
        if not self._visited.add(ordered, used, state):
            return
        self.steps += 1
        self.depth = max(self.depth, self._at)
        self._branch(self._at, ordered, used, state)
        for _, *child in self._stack:
            self._wait((child[0], child[1], child[2]))
        self._stack.clear()

    def deepest(self) -> list[Configuration]:
        """The configurations that came furthest, as far as no other one dominates them."""
        return [(self._at, *member) for member in self._visited.members]
