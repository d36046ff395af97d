"""Registers, compare-and-set registers, and keys with append: the specifications that most histories need.

Two reductions live here, because only the specification can know them. Both are exact.

**Indistinguishable values.** A value that no read returned and no compare-and-set compared with cannot be told from any
other such value: all of them become one, `OTHER`. (It is a bisimulation: whatever a call asks of a state is "are you v?" for
an observed v.) With append, a text is dead as soon as it is no beginning of an observed text, for it only grows until
the next write. Lost writes of different values thereby become interchangeable.

**Observed predecessors.** A text that was read, `abc`, shows what every append in it was appended to, if there is only one
way to cut it into a written and appended texts and a part was appended only once: `b` took effect in the state `a`, nowhere else.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, cast

from windtunnel.base.messages import Value
from windtunnel.checkers.blocks import arranged
from windtunnel.checkers.specification import (
    CAS,
    CAS_UNEQUAL,
    CAS_UNKNOWN,
    ILLEGAL,
    READ,
    UNKNOWN,
    UNSET,
    WRITE,
    Call,
    Named,
    Specification,
    canonical,
    same,
)
from windtunnel.histories import Operation
from windtunnel.histories.columns import Columns

_STATES_MAX = 4000
"""Longest texts, together, for which every beginning is tried as a state, characters."""

_PIECES_MAX = 1_000_000
"""Pieces of observed texts that are looked at, to tell which appended texts nobody saw."""

OTHER: Final = Named("OTHER")


class KeyValue(Specification):
    """A key of a store: read, write, compare-and-set, append. A key never written reads as None; an empty text is the same."""

    name: ClassVar[str] = "kv"
    functions: Mapping[str, str] = {
        "read": "read(key) -> value",
        "write": "write(key, value)",
        "cas": "cas(key, [old, new]) -> whether old was there",
        "append": "append(key, text)",
    }

    def __init__(self, observed: Observed | None = None) -> None:
        self._observed = observed

    def starting(self, initial: Value) -> Specification:
        """A key that was never written reads as `initial`."""
        return super().starting(_plain(initial))

    def step(self, state: Any, call: Call) -> Any:
        """See `functions`. Appending to something that is no text is illegal."""
        f, value, result = call.f, call.value, call.result
        if call.requires is not UNSET and not same(state, call.requires):
            return ILLEGAL
        if f == "read":
            return state if result is UNKNOWN or same(state, _plain(result)) else ILLEGAL
        if f == "write":
            return _plain(value)
        if f == "cas":
            old, new = value
            matches = same(state, _plain(old))
            if result is UNKNOWN:
                return _plain(new) if matches else state
            if result is False:
                return ILLEGAL if matches else state
            return _plain(new) if matches else ILLEGAL
        if state is not OTHER and not isinstance(state, str | None):
            return ILLEGAL
        if state is OTHER or value is OTHER:
            return OTHER
        text = _plain((state or "") + value)
        return text if self._observed is None or self._observed.alive(text) else OTHER

    def reads_only(self, call: Call) -> bool:
        """Reads, and compare-and-sets that compared unequal."""
        return call.f == "read" or (call.f == "cas" and call.result is False)

    def blind(self, call: Call) -> bool:
        """Writes."""
        return call.f == "write" and call.requires is UNSET

    def complaint(self, operation: Operation) -> str | None:
        """A compare-and-set needs a pair, an append a text."""
        if operation.f == "cas" and not (isinstance(operation.value, (list, tuple)) and len(operation.value) == 2):
            return f"cas takes [old, new], got {operation.value!r}"
        if operation.f == "append" and not isinstance(operation.value, str):
            return f"append takes a text, got {operation.value!r}"
        return None

    def focus(self, calls: Sequence[Call], *, predecessors: bool = True) -> tuple[Specification, list[Call]]:
        """Merge what nobody can tell apart, and require what was observed."""
        observed = Observed.by(calls)
        focused = _focused(calls, observed)
        if predecessors and observed.appends:
            required = _predecessors(calls, observed)
            focused = [
                replace(call, requires=required[call.value]) if call.f == "append" and call.value in required else call
                for call in focused
            ]
        return KeyValue(observed), focused

    def codes(self, classes: Sequence[Call], initial: Sequence[Any]) -> tuple[list[Any], list[int]] | None:
        """Everything but appends is what a register does."""
        states = list(initial)
        numbers = {canonical(state): number for number, state in enumerate(states)}

        def number_of(value: Any) -> int:
            number = numbers.setdefault(canonical(_plain(value)), len(states))
            if number == len(states):
                states.append(_plain(value))
            return number

        codes: list[int] = []
        for call in classes:
            if call.f == "append" or call.requires is not UNSET:
                return None
            if call.f == "cas":
                kind = CAS_UNKNOWN if call.result is UNKNOWN else CAS_UNEQUAL if call.result is False else CAS
                codes += (kind, number_of(call.value[0]), number_of(call.value[1]))
            elif call.f == "write":
                codes += (WRITE, number_of(call.value), 0)
            elif call.result is UNKNOWN:
                return None
            else:
                codes += (READ, number_of(call.result), 0)
        return states, codes

    def possible_states(self, calls: Sequence[Call]) -> list[Any] | None:
        """What the calls can find, what can grow into it, and one state for all the rest (where an append is legal)."""
        observed = Observed.by(calls)
        states = list(observed.values.values())
        if sum(map(len, observed.longest)) > _STATES_MAX:
            return None
        for text in observed.longest:
            states += [None, *(text[:length] for length in range(1, len(text)))]
        distinct = {canonical(state): state for state in states}
        return [*distinct.values(), OTHER]

    def sources(self, call: Call, calls: Sequence[Call]) -> list[int] | None:
        """The updates that write, or append the end of, what `call` read or compared with; None for what needs no value."""
        if call.f in ("append", "write") or call.result is UNKNOWN or (call.f == "cas" and call.result is False):
            return None
        needed = _plain(call.value[0] if call.f == "cas" else call.result)
        return [number for number, other in enumerate(calls) if _makes(other, needed)]

    def guess(self, operations: Sequence[Operation]) -> list[int] | None:
        """What the values say about the order, if each observed one has one maker."""
        return arranged(self, operations)

    def judge(self, columns: Columns) -> Sequence[int] | None:
        """By zones, where there are only reads, and writes of a value each."""
        from windtunnel.checkers import zones  # noqa: PLC0415 - numpy, which small histories do without

        found = zones.judged(columns) if self.initial is None else None
        return None if found is None else cast("Sequence[int]", found)

    def core(self, columns: Columns, key: int) -> list[int]:
        """The operations on two values that contradict each other."""
        from windtunnel.checkers import zones  # noqa: PLC0415

        return zones.contradiction(columns, key)

    def unsourced(self, operations: Sequence[Operation]) -> Operation | None:
        """The first operation, by return, that found a value which no update invoked before its return can have made."""
        earliest: dict[Any, int] = {}
        appended: dict[str, int] = {}
        for operation in operations:  # by invocation: the first one that makes a value is the earliest
            if operation.f == "append":
                appended.setdefault(operation.value, operation.invoked)
            elif operation.f == "write" or (operation.f == "cas" and operation.result is not False):
                made = operation.value if operation.f == "write" else operation.value[1]
                earliest.setdefault(canonical(_plain(made)), operation.invoked)
        earliest[canonical(self.initial)] = -1
        lengths = {len(text) for text in appended}
        first: Operation | None = None
        for operation in operations:
            if operation.completed is None or (first is not None and operation.completed > (first.completed or 0)):
                continue
            if operation.type != "ok" or operation.f not in ("read", "cas"):
                continue
            if operation.f == "cas" and operation.result is False:
                continue
            needed = _plain(operation.result if operation.f == "read" else operation.value[0])
            made_at = [earliest.get(canonical(needed), operation.completed)]
            if lengths and isinstance(needed, str):
                made_at += [appended.get(needed[-length:], operation.completed) for length in lengths if length]
            if min(made_at) >= operation.completed:
                first = operation
        return first

    def droppable(self, calls: Sequence[Call]) -> list[bool]:
        """What only reads; and what writes a value that nobody observes.

        Between such a write and the next one no call of a legal order can observe anything, so without it nothing changes,
        but for a failed compare-and-set, which might succeed then: while there is one, updates stay.
        """
        reads = [self.reads_only(call) for call in calls]
        if any(call.f == "cas" and call.result is False for call in calls):
            return reads
        observed = Observed.by(calls)
        return [read or _unobserved(call) for read, call in zip(reads, _focused(calls, observed), strict=True)]

    def needs(self, call: Call) -> str:
        """The value that it read, or compared with."""
        if call.requires is not UNSET:
            return f"{self.show(call.requires)}, for that is what it was appended to in what was read"
        if call.f == "cas":
            old = self.show(call.value[0])
            return f"anything but {old}" if call.result is False else old
        return self.show(_plain(call.result)) if call.f == "read" else "a text"

    def show(self, state: Any) -> str:
        """JSON, so `null` for a key that was never written; `anything else` for what nobody asks about."""
        return "anything else" if state is OTHER else super().show(state)


class Register(KeyValue):
    """A register: read and write. The specification of the literature, one register per key."""

    name: ClassVar[str] = "register"
    functions: Mapping[str, str] = {name: KeyValue.functions[name] for name in ("read", "write")}


class CasRegister(KeyValue):
    """A register with compare-and-set, as etcd's and Jepsen's first tests have it; one per key."""

    name: ClassVar[str] = "cas-register"
    functions: Mapping[str, str] = {name: KeyValue.functions[name] for name in ("read", "write", "cas")}


def _plain(value: Value) -> Value:
    return None if isinstance(value, str) and not value else value


@dataclass(frozen=True, slots=True)
class Observed:
    """What the calls of one object can tell apart, in canonical form.

    texts: those that are texts, sorted, kept only when there are appends; longest: the ones that are no beginning of another.
    """

    values: Mapping[Any, Value]
    texts: tuple[str, ...]
    longest: tuple[str, ...]
    appends: bool

    @staticmethod
    def by(calls: Sequence[Call]) -> Observed:
        """Every value that was read, or compared with by whatever outcome."""
        seen: dict[Any, Value] = {}
        appends = False
        for call in calls:
            if call.requires is not UNSET:
                seen[canonical(call.requires)] = call.requires
            if call.f == "append":
                appends = True
            elif call.f == "read" and call.result is not UNKNOWN:
                value = _plain(call.result)
                seen[canonical(value)] = value
            elif call.f == "cas":
                value = _plain(call.value[0])
                seen[canonical(value)] = value
        texts = tuple(sorted(value for value in seen.values() if isinstance(value, str))) if appends else ()
        return Observed(seen, texts, _longest(texts), appends)

    def alive(self, value: Value) -> bool:
        """Whether some call can still find this value, or what it grows into by appends."""
        if canonical(value) in self.values:
            return True
        if not self.appends:
            return False
        if not isinstance(value, str | None):
            return True  # appending to it is illegal: not the same as to something else
        if value is None:
            return bool(self.texts)
        at = bisect_left(self.texts, value)
        return at < len(self.texts) and self.texts[at].startswith(value)


def _focused(calls: Sequence[Call], observed: Observed) -> list[Call]:
    """The calls with `OTHER` for every value that nobody can find."""
    focused: list[Call] = []
    found = _pieces(observed.longest, {len(call.value) for call in calls if call.f == "append" and isinstance(call.value, str)})
    for call in calls:
        better = call
        if call.f == "write" and not observed.alive(_plain(call.value)):
            better = replace(call, value=OTHER)
        elif call.f == "cas" and not observed.alive(_plain(call.value[1])):
            better = replace(call, value=(call.value[0], OTHER))
        elif call.f == "append" and found is not None and call.value and call.value not in found:
            better = replace(call, value=OTHER)
        focused.append(better)
    return focused


def _pieces(texts: Sequence[str], lengths: set[int]) -> set[str] | None:
    """All pieces of those lengths; None if they are too many to be worth it."""
    if sum(map(len, texts)) * len(lengths) > _PIECES_MAX:
        return None
    return {text[start : start + n] for n in lengths for text in texts for start in range(len(text) - n + 1)}


def _unobserved(focused: Call) -> bool:
    return focused.value[1] is OTHER if focused.f == "cas" else focused.value is OTHER


def _makes(call: Call, needed: Value) -> bool:
    """Whether a call can leave the value `needed` behind."""
    if call.f == "append":
        return isinstance(needed, str) and bool(call.value) and needed.endswith(call.value)
    if call.f == "write":
        return same(_plain(call.value), needed)
    return call.f == "cas" and call.result is not False and same(_plain(call.value[1]), needed)


def _longest(texts: Sequence[str]) -> tuple[str, ...]:
    """Of sorted texts those that are not the beginning of another one."""
    last = len(texts) - 1
    return tuple(text for at, text in enumerate(texts) if at == last or not texts[at + 1].startswith(text))


def _predecessors(calls: Sequence[Call], observed: Observed) -> dict[str, Value]:
    """For appended texts that were appended once: the text that they must have been appended to."""
    appended = Counter(call.value for call in calls if call.f == "append" and call.value)
    heads = {call.value if call.f == "write" else call.value[1] for call in calls if call.f in ("write", "cas")}
    written = {head for head in heads if isinstance(head, str)} | {""}
    proven = {_plain(call.result) for call in calls if call.f == "read" and isinstance(call.result, str)}
    proven |= {call.value[0] for call in calls if call.f == "cas" and call.result not in (UNKNOWN, False)}
    required: dict[str, Value] = {}
    lengths = sorted({len(part) for part in appended})
    for text in _longest([text for text in observed.texts if text in proven]):  # a longer one says the same and more
        for start, part in _parts(text, written, appended, lengths):
            if appended[part] == 1:
                required.setdefault(part, _plain(text[:start]))
    return required


def _parts(text: str, written: set[str], appended: Mapping[str, int], lengths: list[int]) -> list[tuple[int, str]]:
    """The appended parts of a text and where they start, if there is exactly one way to cut it; else nothing."""
    ways = [0] * (len(text) + 1)
    ways[len(text)] = 1
    for start in range(len(text) - 1, -1, -1):
        ways[start] = min(
            2, sum(ways[start + n] for n in lengths if start + n <= len(text) and text[start : start + n] in appended)
        )
    heads = [length for length in range(len(text) + 1) if ways[length] and text[:length] in written]
    if len(heads) != 1 or ways[heads[0]] != 1:
        return []
    found: list[tuple[int, str]] = []
    start = heads[0]
    while start < len(text):
        length = next(n for n in lengths if start + n <= len(text) and text[start : start + n] in appended and ways[start + n])
        found.append((start, text[start : start + length]))
        start += length
    return found
