"""Isolation: which levels a history of transactions satisfies, and what shows that it does not satisfy others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError
from windtunnel.checkers.transactions import levels
from windtunnel.checkers.transactions.anomalies import Anomaly, meaning
from windtunnel.checkers.verdict import Verdict
from windtunnel.histories import History

if TYPE_CHECKING:
    from windtunnel.checkers.page import Section
    from windtunnel.histories.transactions.columns import Interface, Transactions

# What needs numpy is imported where it is used: whoever asks for a model by name does not pay for it.

PROPERTY = "isolation"
LIST_APPEND: Mapping[str, str] = {
    "txn": "txn([[append k v] [r k nil] ...]) -> the same with what was read, lists of all that was appended"
}
RW_REGISTER: Mapping[str, str] = {"txn": "txn([[w k v] [r k nil] ...]) -> the same with what was read, the last value written"}


@dataclass(frozen=True, slots=True)
class IsolationVerdict(Verdict):
    """What was found, relative to the level that was asked for.

    level: that level. anomalies: everything found, also what the level allows. holds: the strongest levels that are not ruled
    out, among those that the anomalies decide; fails: the weakest levels that are. history: the columns it was judged by.
    """

    level: str = levels.STRONGEST
    anomalies: tuple[Anomaly, ...] = ()
    holds: tuple[str, ...] = ()
    fails: tuple[str, ...] = ()
    history: Transactions | None = field(default=None, repr=False, compare=False)

    def lines(self) -> list[str]:
        """The verdict on a screen of text: each anomaly by its name, and what the level comes to."""
        found = [f"{self.word.upper()}: {self.subject()}" + (f": {self.why}" if self.why else "")]
        for anomaly in self.anomalies:
            found += ["", *(f"  {line}" for line in self._told(anomaly))]
        closing = self.closing()
        return [*found, "", *(f"  {line}" for line in closing)] if closing else found

    def subject(self) -> str:
        """What was judged, for a headline."""
        return f"{self.model} at {self.level}"

    def closing(self) -> list[str]:
        """What it comes to: the strongest levels that hold, the weakest that do not."""
        if self.valid is None and not self.anomalies:
            return []
        found = [f"Still holds: {', '.join(self.holds) or 'none of the levels'}."]
        if self.fails:
            found.append(f"Ruled out: {', '.join(self.fails)}, and whatever is stronger.")
        if self.history is not None and not self.history.timed():
            found.append("The history has no times: of the order of real time nothing was checked.")
        return found

    def sections(self) -> list[Section]:
        """The parts of the page: one per anomaly, with its cycle drawn."""
        from windtunnel.checkers.page import Section  # noqa: PLC0415
        from windtunnel.checkers.transactions.drawing import ring  # noqa: PLC0415

        found = []
        for anomaly in self.anomalies:
            assert self.history is not None, "a verdict with anomalies has a history"
            title, *told = self._told(anomaly)
            name, _, note = title.partition(": ")
            found.append(Section(name, note, ring(self.history, anomaly), told))
        return found

    def _told(self, anomaly: Anomaly) -> list[str]:
        from windtunnel.checkers.transactions.words import lines_of  # noqa: PLC0415

        assert self.history is not None, "a verdict with anomalies has a history"
        allowed = "" if levels.forbids(self.level, anomaly.name) else f" ({self.level} allows it)"
        several = f", {anomaly.count:,} times" if anomaly.count > 1 else ""
        return [f"{anomaly.name}{several}: {meaning(anomaly.name)}{allowed}", *lines_of(self.history, anomaly)]

    def to_json(self) -> dict[str, Any]:
        """The verdict as one JSON object (docs/reference/history-format.md)."""
        return {
            "verdict": self.word,
            "model": self.model,
            "level": self.level,
            "why": self.why,
            "anomalies": [_row(anomaly) for anomaly in self.anomalies],
            "holds": list(self.holds),
            "fails": list(self.fails),
            "evidence": None,
            "stats": self.stats,
        }


def _row(anomaly: Anomaly) -> dict[str, Any]:
    return {
        "name": anomaly.name,
        "why": anomaly.why,
        "count": anomaly.count,
        "transactions": list(anomaly.transactions),
        "steps": [{"kind": s.kind, "source": s.source, "target": s.target, "words": s.words} for s in anomaly.steps],
    }


def isolation(
    history: History | Transactions | Path | str,
    *,
    level: str = levels.STRONGEST,
    model: Interface | None = None,
    budget_s: float | None = None,
) -> IsolationVerdict:
    """Whether a history of transactions is of an isolation level.

    history: operations whose value is a list of micro-operations, columns, or a file of any format that holds transactions.
    level: one of levels.IMPLIES or ALIASES. model: list-append or rw-register; None to tell by the micro-operations.
    budget_s: wall seconds for what can take long (orders of register versions that have to be guessed). Raises
    MalformedHistory and UsageError.
    """
    level = levels.level_named(level)
    columns = _columns(history, model)
    if model is not None and columns.interface != model:
        raise UsageError(f"the model {model} does not fit: the transactions are of {columns.interface}")
    return judge(columns, level, budget_s)


def _columns(history: History | Transactions | Path | str, model: Interface | None) -> Transactions:
    from windtunnel.histories.transactions import read_transactions, transactions_of  # noqa: PLC0415

    if isinstance(history, History):
        return transactions_of(history, model)
    if isinstance(history, (Path, str)):
        return read_transactions(history, interface=model)
    return history


def judge(history: Transactions, level: str, budget_s: float | None = None) -> IsolationVerdict:
    """The verdict about columns. level: canonical name."""
    stats: dict[str, Any] = {"transactions": len(history), "micro_operations": len(history.kind)}
    if not history.counts()["ok"]:
        why = "no transaction of the history was answered ok" if len(history) else "the history has no transactions"
        return IsolationVerdict(None, history.interface, why, stats=stats, level=level)
    anomalies, undecided = _anomalies(history, stats, budget_s)
    return verdict_of(history, level, anomalies, undecided, stats)


def verdict_of(
    history: Transactions, level: str, anomalies: list[Anomaly], undecided: dict[str, str], stats: dict[str, Any]
) -> IsolationVerdict:
    """The verdict that follows from what was found. undecided: names of anomalies that may be there or not, with the reason."""
    names = [anomaly.name for anomaly in anomalies]
    place = {name: number for number, name in enumerate(levels.ANOMALIES)}
    anomalies = sorted(anomalies, key=lambda anomaly: place[anomaly.name])
    forbidden = [anomaly for anomaly in anomalies if levels.forbids(level, anomaly.name)]
    open_names = [name for name in undecided if levels.forbids(level, name)]
    valid: bool | None = True
    why = ""
    if forbidden:
        valid = False
        why = ", ".join(dict.fromkeys(anomaly.name for anomaly in forbidden))
    elif open_names:
        valid, why = None, undecided[open_names[0]]
    elif level not in levels.DECIDED and not any(level in levels.weaker(held) for held in levels.holding(names)):
        valid, why = None, f"{level} is not ruled out, but the absence of the anomalies that are looked for does not prove it"
    return IsolationVerdict(
        valid,
        history.interface,
        why,
        stats=stats,
        level=level,
        anomalies=tuple(anomalies),
        holds=tuple(levels.holding([*names, *undecided])),
        fails=tuple(levels.weakest(levels.ruled_out(names))),
        history=history,
    )


def _anomalies(history: Transactions, stats: dict[str, Any], budget_s: float | None) -> tuple[list[Anomaly], dict[str, str]]:
    from windtunnel.checkers.transactions import list_append, rw_register  # noqa: PLC0415
    from windtunnel.checkers.transactions.cycles import acyclic, cycles_of  # noqa: PLC0415
    from windtunnel.checkers.transactions.dependencies import assemble, sessions_show_in_time  # noqa: PLC0415
    from windtunnel.checkers.transactions.words import as_anomaly  # noqa: PLC0415

    assert budget_s is None or budget_s > 0, "a budget is positive"
    lists = history.interface == "list-append"
    anomalies, dependencies, pairing, guesses = (list_append if lists else rw_register).analysed(history)
    edges = assemble(dependencies, sessions=not (lists and sessions_show_in_time(history)))
    stats["dependencies"] = len(edges.source)
    undecided: dict[str, str] = {}
    cyclic = not acyclic(edges)
    if cyclic:
        edges = assemble(dependencies) if lists else edges
        found = cycles_of(edges)
        stats["components"] = found.components
        anomalies += [as_anomaly(dependencies, edges, cycle) for cycle in found.cycles]
        reason = "there are too many anti-dependencies to tell G-single from G-nonadjacent"
        undecided = dict.fromkeys(found.undecided, reason)
    if cyclic or not lists:
        # Orders of versions that the history leaves open. Those of lists are of appends that nobody read: where there is no cycle
        # they need not make one, but where there is one they may make one that no snapshots explain.
        from windtunnel.checkers.transactions.orders import judged  # noqa: PLC0415

        out = set(levels.ruled_out(anomaly.name for anomaly in anomalies))
        result = judged(dependencies, edges, pairing, out, budget_s, guesses)
        anomalies += result.anomalies
        undecided |= result.undecided
        stats["orders_searched"] = result.searched
        if "no-snapshot-order" in {*result.undecided, *(anomaly.name for anomaly in result.anomalies)}:
            undecided["G-single"] = "which order of versions there was is open, and some would be a read skew"
    return anomalies, undecided
