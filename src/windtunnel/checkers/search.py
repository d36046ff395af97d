"""Is there a legal order? A just-in-time depth-first search with memory.

Theory of operation
-------------------
Walk through the returns of one object's operations in order. An operation may be ordered at any time while it is
pending, but it is enough to do so at the latest moment: when some operation returns, it must have taken effect, and whatever
must come before it takes effect just before it. So the search branches only at a return whose operation has not been
ordered yet, over the pending ones, until that one is ordered (Lowe, "Testing for Linearizability", 2017, section 4: just-in-time
linearization; Wing & Gong 1993 for the search itself).

A configuration is (return, which pending operations are ordered already, which unanswered ones are, state). It says all about
the future, so no configuration is searched twice, and its size does not grow with the history. Bits of returned operations
are reused; states are numbered; the specification's `step` is asked once per state and class of calls.

The reductions, each with the reason why it loses nothing:

1. *Eager reads.* A pending answered operation that changes no state, and is legal now, is ordered now: take any legal order of
   the rest; putting the read here changes nothing for the others. Not for unanswered reads (they are left out altogether),
   nor for writes that happen to change nothing now: such a write may be needed later.
2. *Optional crashes.* An unanswered operation never returns, so nothing forces it: it is tried at branches only.
3. *Symmetry.* Of pending operations of one class only the one that returns first is tried: in a legal order that takes another
   one first, the two can be exchanged, for both are pending now and the earlier return is the stricter bound.
4. *Dominance.* With the same return, order and state, a configuration that has used a subset of the unanswered operations can do
   whatever the other can. This is what removes the 2^n of n crashes.
5. *Useful crashes.* An unanswered operation is ordered only if some pending one becomes legal by it, or has another effect
   after it. Otherwise look at the operation that follows it in a legal order: it does the same without. (Something does
   follow: the operation whose return we are at has not been ordered.)
6. *Indistinguishable values* and 7. *observed predecessors* belong to the specification: see `keyvalue`.
8. *Hidden writes.* A blind operation, a plain write, is hidden by another one that directly follows it. So when one is ordered,
all
   other writes that are pending then (but for the one whose return we are at) need no place of their own any more: should
   one of them never be used, it has taken effect just before. They become optional: at its return such a write may
   pass, or be used after all. (Bits of what was used are kept apart from bits of what is in order: *dominance* holds for the
   former, as for unanswered operations.) And so a write need not be ordered before the one that returns unless something follows
   that is not blind and legal only then: another write that follows would hide it, so leave it out. What follows may also be an
   unanswered write that is useful (5.): then the first write must be tried if some unanswered write would be.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from windtunnel.checkers.problem import Candidate, Problem, Reductions
from windtunnel.checkers.specification import ILLEGAL, canonical

Configuration: TypeAlias = tuple[int, int, int, int]
"""A point of the search: the return it is at, bits of pending operations that are in order, bits of what was used, state number.

What was used are optional operations, and above their bits pending writes, which can be in order without being used (rule 8).
"""


class Search:
    """The search for one problem; it can be interrupted and resumed.

    steps: configurations expanded so far; held: configurations remembered (about 200 bytes each); depth: the last return that was
    reached. traced: keep where every configuration came from, for explanations of small problems.

    `_search.pyx` is the same in C, a hundred times faster; `searches` chooses.
    """

    def __init__(self, problem: Problem, reductions: Reductions, *, traced: bool = False) -> None:
        if not problem.bit_of:
            problem.place()
        self.problem = problem
        self.steps = 0
        self.depth = 0
        self.came_from: dict[Configuration, tuple[Configuration, int]] | None = {} if traced else None
        self._reductions = reductions
        self._states: list[Any] = list(problem.initial)
        self._numbers: dict[Any, int] = {canonical(state): number for number, state in enumerate(problem.initial)}
        self._table: list[dict[int, int]] = [{} for _ in problem.initial]
        self._seen: dict[tuple[int, int, int], int | list[int]] = {}
        self._stack: list[Configuration] = [(0, 0, 0, state) for state in range(len(problem.initial))]
        self._watchful = [(bit, number) for bit, number in problem.optional if not problem.blind[number]]
        self._unseeing = [(bit, number) for bit, number in problem.optional if problem.blind[number]]
        self._shift = len(problem.optional)
        self._hidden_at: dict[int, int] = {}
        self._blind_at = [problem.blind[problem.class_of[number]] for number in problem.returning]
        self._hiding = reductions.hidden_writes and any(problem.blind)

    @property
    def held(self) -> int:
        """How many configurations are remembered."""
        return len(self._seen)

    @property
    def stuck(self) -> int:
        """The number of the operation whose return could not be passed so far."""
        return self.problem.returning[self.depth]

    @property
    def returns(self) -> int:
        """How many returns there are."""
        return len(self.problem.returns)

    def run(self, steps: int) -> bool | None:
        """Go on for at most so many steps: True, there is a legal order; False, there is none; None, not known yet."""
        returns, table, seen, stack, look = self.problem.returns, self._table, self._seen, self._stack, self._look
        hiding, shift, blind_at = self._hiding, self._shift, self._blind_at
        total = len(returns)
        last = self.steps + steps
        while stack:
            if self.steps >= last:
                return None
            at, ordered, used, state = popped = stack.pop()
            row = table[state]
            while at < total:
                must, reads, _, _ = returns[at]
                for bit, number in reads:
                    if not ordered & bit:
                        after = row.get(number)
                        if (look(state, number) if after is None else after) == state:
                            ordered |= bit
                if not ordered & must:
                    break
                if hiding:
                    if used & must << shift:
                        used ^= must << shift
                    elif blind_at[at]:  # hidden so far, but it may be used
                        stack.append((at, ordered ^ must, used, state))
                ordered ^= must
                at += 1
            else:
                return True
            key = (at, ordered, state)
            before = seen.get(key)
            if before is None:
                seen[key] = used
            elif not self._better(key, before, used):
                continue
            self.steps += 1
            self.depth = max(self.depth, at)
            if self.came_from is not None and popped != (at, ordered, used, state):
                self.came_from[(at, ordered, used, state)] = (popped, 0)
            self._branch(at, ordered, used, state)
        return False

    def _better(self, key: tuple[int, int, int], before: int | list[int], used: int) -> bool:
        """Whether a configuration with other unanswered operations used is worth a visit; remembers it if so."""
        visited = [before] if isinstance(before, int) else before
        if self._reductions.dominance:
            if any(mask & ~used == 0 for mask in visited):
                return False
        elif used in visited:
            return False
        self._seen[key] = [*visited, used]
        return True

    def _branch(self, at: int, ordered: int, used: int, state: int) -> None:
        """Push every configuration that one more operation leads to; who must return first is tried first."""
        must, reads, candidates, count = self.problem.returns[at]
        row, look, symmetry = self._table[state], self._look, self._reductions.symmetry
        blind = self.problem.blind
        tried: set[int] = set()
        following: list[Configuration] = []
        hidden = self._hidden(at) if self._hiding else 0
        for bit, number in candidates:
            if number in tried or (ordered & bit and not (self._hiding and blind[number] and not used & bit << self._shift)):
                continue
            if symmetry:
                tried.add(number)
            after = row.get(number)
            if after is None:
                after = look(state, number)
            if after < 0:
                continue
            if self._hiding and blind[number]:
                if bit == must or self._leads_on(at, after, ordered, used):
                    following.append((at, ordered | bit | hidden, used | bit << self._shift, after))
            else:
                following.append((at, ordered | bit, used, after))
        for bit, number in self.problem.optional[:count] if count else ():
            if used & bit or number in tried:
                continue
            if symmetry:
                tried.add(number)
            after = row.get(number)
            if after is None:
                after = look(state, number)
            if after < 0 or (self._reductions.useful_crashes and after == state):
                continue
            if self._reductions.useful_crashes and not (
                self._useful(state, after, reads, ordered)
                or self._useful(state, after, candidates, ordered)
                or self._useful(state, after, self._watchful, used | bit, self.problem.optional[count - 1][0])
            ):
                continue
            following.append((at, ordered, used | bit, after))
        if self.came_from is not None:
            for child in following:
                self.came_from.setdefault(child, ((at, ordered, used, state), 1))
        following.reverse()
        self._stack += following

    def _hidden(self, at: int) -> int:
        """Bits of the writes that are pending at a return, but for the one that returns."""
        found = self._hidden_at.get(at)
        if found is None:
            must, _, candidates, _ = self.problem.returns[at]
            found = 0
            for bit, number in candidates:
                if bit != must and self.problem.blind[number]:
                    found |= bit
            self._hidden_at[at] = found
        return found

    def _leads_on(self, at: int, after: int, ordered: int, used: int) -> bool:
        """Whether something that is not blind may follow a write that leads to `after`, or an unanswered write that is useful."""
        _, reads, candidates, count = self.problem.returns[at]
        if self._sees(after, reads, ordered) or self._sees(after, candidates, ordered):
            return True
        newest = self.problem.optional[count - 1][0] if count else 0
        for bit, number in self._watchful:
            if bit > newest:
                break
            if not used & bit and self._look(after, number) not in (-1, after):
                return True
        for bit, number in self._unseeing:
            if bit > newest:
                break
            if used & bit:
                continue
            then = self._look(after, number)
            if self._sees(then, reads, ordered) or self._sees(then, candidates, ordered):
                return True
            for other, watching in self._watchful:
                if other > newest:
                    break
                if not used & other and self._look(then, watching) >= 0:
                    return True
        return False

    def _sees(self, state: int, pending: list[Candidate], ordered: int) -> bool:
        """Whether some pending operation that is not blind is legal in that state."""
        blind = self.problem.blind
        return any(not ordered & bit and not blind[number] and self._look(state, number) >= 0 for bit, number in pending)

    def _useful(self, state: int, after: int, pending: list[Candidate], ordered: int, newest: int = 0) -> bool:
        """Whether some pending operation is legal in `after`, and illegal or of another effect in `state`."""
        blind = self.problem.blind
        for bit, number in pending:
            if ordered & bit or blind[number]:
                continue
            if newest and bit > newest:
                break  # not invoked yet
            then = self._table[after].get(number)
            if then is None:
                then = self._look(after, number)
            if then >= 0 and then != self._look(state, number):
                return True
        return False

    def _look(self, state: int, number: int) -> int:
        """The number of the state after a call, -1 if it is illegal: from the table, or by asking the specification."""
        known = self._table[state].get(number)
        if known is not None:
            return known
        before = self._states[state]
        after = self.problem.specification.step(before, self.problem.classes[number])
        if after is ILLEGAL:
            result = -1
        else:
            key = canonical(after)
            result = self._numbers.get(key, -1)
            if result < 0:
                result = self._numbers[key] = len(self._states)
                self._states.append(after)
                self._table.append({})
        assert result in (-1, state) or not self.problem.reads_only[number], "a call that only reads changed the state"
        self._table[state][number] = result
        return result

    # --- For explanations ---

    def state(self, number: int) -> Any:
        """The state of that number."""
        return self._states[number]

    def after(self, state: int, operation: int) -> int:
        """The number of the state after an operation, -1 if it is illegal."""
        return self._look(state, self.problem.class_of[operation])

    def deepest(self) -> list[Configuration]:
        """The configurations that came furthest: all of them when the search has ended without an order."""
        return [
            (at, ordered, mask, state)
            for (at, ordered, state), used in self._seen.items()
            if at == self.depth
            for mask in ([used] if isinstance(used, int) else used)
        ]
