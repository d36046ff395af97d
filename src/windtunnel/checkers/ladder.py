"""One history, many models: which rungs of the ladder of its interface it stands on, from the strongest.

A rung is a model, or a model at a level: `kv`, `staleness@k=0`, `list-append@snapshot-isolation`. A ladder says of each rung
which weaker ones it implies. That saves work (what a rung that holds implies, holds; what implies one that fails, fails), and
it is a test of ourselves: every rung may be judged on its own, and two verdicts that contradict an implication are a bug here.

Sources of the implications: Lamport 1979 and Herlihy & Wing 1990 (linearizable, sequential); Bouajjani, Enea, Guerraoui & Hamza
2017 (the forms of causal consistency); Terry et al. 1994 and Brzezinski, Sobaniec & Wawrzyniak 2004 (session guarantees);
for transactions see `transactions.levels`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from windtunnel.base.errors import UsageError, unknown
from windtunnel.checkers.models import MODELS, check
from windtunnel.checkers.transactions import levels
from windtunnel.checkers.verdict import Verdict
from windtunnel.histories import History, MalformedHistory

_GUARANTEES = ("read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads")
_GUARANTEED: Mapping[str, tuple[str, ...]] = dict.fromkeys(_GUARANTEES, ())


_OF_SINGLE_OBJECTS = levels.weaker("linearizable")
"""Levels of the lattice that speak of operations, not of transactions: no anomaly of transactions decides them."""


def _of_transactions(model: str) -> Mapping[str, tuple[str, ...]]:
    return {
        f"{model}@{level}": tuple(f"{model}@{lower}" for lower in lowers if lower not in _OF_SINGLE_OBJECTS)
        for level, lowers in levels.IMPLIES.items()
        if level not in _OF_SINGLE_OBJECTS
    }


LADDERS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "kv": {
        "kv": ("sequential", "staleness@k=0"),
        "sequential": ("causal", "causal-convergence"),
        "causal": ("pram", "weak-causal", "writes-follow-reads"),
        "causal-convergence": ("weak-causal",),
        "pram": _GUARANTEES[:3],
        "weak-causal": (),
        "staleness@k=0": ("staleness",),
        "staleness": (),
        **_GUARANTEED,
    },
    "list-append": _of_transactions("list-append"),
    "rw-register": _of_transactions("rw-register"),
    "cas-register": {"cas-register": ("sequential",), "sequential": ()},
    "multi-register": {"multi-register": ()},
    "queue": {"queue": ()},
    "stack": {"stack": ()},
    "priority-queue": {"priority-queue": ()},
    "set": {
        "set": _GUARANTEES,
        "set-full@linearizable": ("set-full",),
        "set-full": (),
        **_GUARANTEED,
    },
    "counter": {
        "counter": ("pn-counter",),
        "pn-counter": ("pn-counter@eventual",),
        "pn-counter@eventual": (),
    },
    "pn-counter": {"pn-counter": ("pn-counter@eventual",), "pn-counter@eventual": ()},
    "fencing-lock": {"fencing-lock": ()},
    "mutex": {"mutex": ()},
    "semaphore": {"semaphore": ()},
    "lease": {"lease@exclusive": ("lease",), "lease": ()},
    "convergence": {"convergence@causal": ("convergence",), "convergence": ()},
    "unique-ids": {
        "unique-ids@rising": ("unique-ids@session-rising",),
        "unique-ids@session-rising": ("unique-ids",),
        "unique-ids": (),
    },
    "exactly-once": {"exactly-once": ()},
    "causal-broadcast": {
        "total-order-broadcast": (),
        "causal-broadcast": ("fifo-broadcast",),
        "fifo-broadcast": (),
    },
    "bank": {"bank": ()},
    "adya-g2": {"adya-g2": ()},
    "ledger": {"ledger": ()},
    "log": {"log": ()},
}
"""By interface: every rung, from the strongest, with those that it implies. Of two that know the same operations, the first."""


def implied(interface: str, rungs: Iterable[str]) -> list[str]:
    """These rungs and all that they imply, in the order of the ladder."""
    ladder = LADDERS[interface]
    found: set[str] = set()
    waiting = list(rungs)
    while waiting:
        rung = waiting.pop()
        if rung not in found:
            found.add(rung)
            waiting += ladder[rung]
    return [rung for rung in ladder if rung in found]


def implying(interface: str, rungs: Iterable[str]) -> list[str]:
    """These rungs and all that imply one of them: what a history that fails them fails, in the order of the ladder."""
    failing = set(rungs)
    return [rung for rung in LADDERS[interface] if failing & set(implied(interface, [rung]))]


@dataclass(frozen=True, slots=True)
class Rung:
    """What is known of one rung. valid: True, False, or None if it could not be decided.

    why: in a clause; of a rung that was not judged itself, which other one settled it.
    """

    name: str
    valid: bool | None
    why: str = ""
    judged: bool = True

    @property
    def word(self) -> str:
        """As reports write it."""
        return {True: "valid", False: "invalid", None: "unknown"}[self.valid]

    @property
    def command(self) -> str:
        """The flags of `windtunnel check` that judge it alone, with its evidence."""
        model, _, level = self.name.partition("@")
        return f"--model {model}" + (f" --level {level}" if level else "")


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where a history stands. rungs: all of them, from the strongest.

    contradictions: pairs of verdicts that cannot both be right; there are none unless a checker has a bug.
    """

    interface: str
    rungs: tuple[Rung, ...]
    contradictions: tuple[str, ...] = field(default=())

    def rung(self, name: str) -> Rung:
        """The rung of that name."""
        return next(rung for rung in self.rungs if rung.name == name)

    def strongest(self) -> list[str]:
        """The rungs that hold and that no other one that holds implies."""
        held = [rung.name for rung in self.rungs if rung.valid]
        return [name for name in held if not any(name in implied(self.interface, [o]) for o in held if o != name)]


def interfaces_of(functions: Iterable[str]) -> list[str]:
    """The ladders of which some model knows all these operations; those of which the largest share does first."""
    asked = set(functions)
    shares = {name: sum(asked <= set(_model(rung).functions) for rung in rungs) / len(rungs) for name, rungs in LADDERS.items()}
    return sorted((name for name, share in shares.items() if share), key=lambda name: -shares[name])


def _model(rung: str) -> Any:
    return MODELS[rung.partition("@")[0]]


def ladder(history: Any, interface: str | None = None, *, budget_s: float | None = None, thorough: bool = False) -> Ladder:
    """Judge a history by every model of its interface, from the strongest.

    history: History, or columns of transactions. interface: of LADDERS, or a model that stands on one; None takes the first
    that fits the operations. budget_s: wall seconds for all rungs together; each may take half of what is left. thorough: judge
    each rung even if another one settles it, to find contradictions. Raises UsageError if nothing fits.
    """
    if interface is not None:
        return _judged(history, _ladder_with(interface), budget_s, thorough=thorough)
    refused: UsageError | MalformedHistory | None = None
    if not isinstance(history, History):
        return _judged(history, history.interface, budget_s, thorough=thorough)
    candidates = interfaces_of(history.functions())
    for strict in (True, False):
        for name in candidates:
            try:
                return _judged(history, name, budget_s, thorough=thorough, strict=strict)
            except (UsageError, MalformedHistory) as error:
                refused = refused or error
    if refused is not None:
        raise refused
    known = ", ".join(LADDERS)
    raise UsageError(f"no ladder knows all of the operations {', '.join(history.functions())}; ladders: {known}")


def _ladder_with(name: str) -> str:
    """The ladder of that name, or the first on which that model stands."""
    if name in LADDERS:
        return name
    for interface, rungs in LADDERS.items():
        if any(rung.partition("@")[0] == name for rung in rungs) or (name in ("register", "cas-register") and interface == "kv"):
            return interface
    raise unknown("ladder", name, LADDERS)


def _judged(history: Any, interface: str, budget_s: float | None, *, thorough: bool, strict: bool = False) -> Ladder:
    """strict: whether the strongest model that knows the operations must understand their answers, too."""
    if interface in ("list-append", "rw-register"):
        return _of_levels(history, interface, budget_s)
    deadline = None if budget_s is None else time.perf_counter() + budget_s
    functions = set(history.functions())
    found: dict[str, Rung] = {}
    refused: UsageError | None = None
    for name in LADDERS[interface]:
        if not functions <= set(_model(name).functions):
            continue
        settled = _settled(interface, name, found)
        if settled is not None and not thorough:
            found[name] = settled
            continue
        left = None if deadline is None else (deadline - time.perf_counter()) / 2  # strong models are hard, weak ones quick
        if left is not None and left <= 0:
            found[name] = settled or Rung(name, None, "the budget was spent on stronger models", judged=False)
            continue
        model, _, level = name.partition("@")
        try:
            verdict = check(history, model, budget_s=left, level=level or None)
        except UsageError as error:  # the shape of the answers: other models of the ladder may understand it
            refused = refused or error
            if strict and not found:
                raise
            found[name] = Rung(name, None, f"does not fit: {error}", judged=False)
        else:
            found[name] = Rung(name, verdict.valid, _clause(verdict))
    if refused is not None and not any(rung.judged for rung in found.values()):
        raise refused
    if not found:
        raise UsageError(f"no model of the ladder {interface} knows all of the operations {', '.join(sorted(functions))}")
    _settle_upwards(interface, found)
    return Ladder(interface, tuple(found.values()), tuple(contradictions(interface, found)))


def _settled(interface: str, name: str, found: Mapping[str, Rung]) -> Rung | None:
    """What the verdicts so far say of a rung."""
    for other, rung in found.items():
        if rung.valid and name in implied(interface, [other]):
            return Rung(name, True, f"implied by {other}", judged=False)
    return None


def _settle_upwards(interface: str, found: dict[str, Rung]) -> None:
    """A rung that could not be decided fails if one that it implies does."""
    for name, rung in found.items():
        if rung.valid is None:
            broken = [lower for lower in implied(interface, [name]) if lower in found and found[lower].valid is False]
            if broken:
                found[name] = Rung(name, False, f"it implies {broken[0]}, which fails", judged=False)


def contradictions(interface: str, found: Mapping[str, Rung]) -> list[str]:
    """Verdicts that contradict the implications of the ladder."""
    return [
        f"{name} holds, and {lower}, which it implies, does not"
        for name, rung in found.items()
        if rung.valid
        for lower in implied(interface, [name])
        if lower in found and found[lower].valid is False
    ]


def _clause(verdict: Verdict) -> str:
    return " ".join(verdict.why.split())


def _of_levels(history: Any, interface: str, budget_s: float | None) -> Ladder:
    """All levels of isolation from one analysis: its anomalies rule some out, and their absence proves others."""
    verdict: Any = check(history, interface, budget_s=budget_s, level=levels.STRONGEST)
    held = {lower for level in verdict.holds for lower in levels.weaker(level)}
    open_because = verdict.why if verdict.valid is None else "the anomalies that are looked for do not decide it"
    rungs = []
    for name in LADDERS[interface]:
        level = name.partition("@")[2]
        against = [anomaly.name for anomaly in verdict.anomalies if levels.forbids(level, anomaly.name)]
        if against:
            rungs.append(Rung(name, False, ", ".join(dict.fromkeys(against))))
        elif level in held:
            rungs.append(Rung(name, True))
        else:
            rungs.append(Rung(name, None, open_because))
    found = {rung.name: rung for rung in rungs}
    return Ladder(interface, tuple(rungs), tuple(contradictions(interface, found)))
