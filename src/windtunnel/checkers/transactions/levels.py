"""The lattice of isolation levels: which implies which, and which anomaly rules out which.

Sources, as Elle collects them (names are Elle's): Adya, "Weak Consistency", 1999 (PL-1 to PL-3, consistent view, cursor
stability ...); Adya, Liskov & O'Neil 2000; Bailis et al., "Highly Available Transactions", 2014 (monotonic atomic view);
Cerone, Bernardi & Gotsman 2015 (read atomic, causal, prefix, parallel snapshot isolation); Cerone & Gotsman 2018 for snapshot
isolation by cycles; Daudjee & Salem 2004 and 2006 (strong session levels); Papadimitriou, and Herlihy & Wing, for strict
serializability.

An anomaly's name may end in `-process` (the cycle needs the order of a session) or in `-realtime` (it needs the order of real
time).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from windtunnel.base.errors import unknown

STRONGEST = "strict-serializable"

IMPLIES: Mapping[str, tuple[str, ...]] = {
    "strict-serializable": ("strong-session-serializable", "strong-snapshot-isolation", "linearizable"),
    "strong-session-serializable": ("serializable", "strong-session-snapshot-isolation"),
    "serializable": ("snapshot-isolation", "repeatable-read", "update-serializable", "view-serializable"),
    "strong-snapshot-isolation": ("strong-session-snapshot-isolation", "strong-read-committed"),
    "strong-session-snapshot-isolation": ("snapshot-isolation", "strong-session-read-committed"),
    "snapshot-isolation": (
        "forward-consistent-view",
        "monotonic-snapshot-read",
        "parallel-snapshot-isolation",
        "prefix",
    ),
    "repeatable-read": ("cursor-stability", "monotonic-atomic-view"),
    "update-serializable": ("forward-consistent-view",),
    "forward-consistent-view": ("consistent-view",),
    "consistent-view": ("cursor-stability", "monotonic-view"),
    "parallel-snapshot-isolation": ("causal-cerone", "update-atomic"),
    "prefix": ("causal-cerone",),
    "causal-cerone": ("read-atomic",),
    "update-atomic": ("read-atomic",),
    "read-atomic": ("monotonic-atomic-view",),
    "monotonic-atomic-view": ("read-committed",),
    "monotonic-snapshot-read": ("read-committed",),
    "monotonic-view": ("read-committed",),
    "cursor-stability": ("read-committed",),
    "read-committed": ("read-uncommitted",),
    "read-uncommitted": (),
    "view-serializable": (),
    "strong-read-committed": ("strong-session-read-committed", "strong-read-uncommitted"),
    "strong-session-read-committed": ("read-committed", "strong-session-read-uncommitted"),
    "strong-read-uncommitted": ("strong-session-read-uncommitted",),
    "strong-session-read-uncommitted": ("read-uncommitted",),
    "linearizable": ("sequential",),
    "sequential": ("causal",),
    "causal": ("writes-follow-reads", "PRAM"),
    "PRAM": ("monotonic-reads", "monotonic-writes", "read-your-writes"),
    "writes-follow-reads": (),
    "monotonic-reads": (),
    "monotonic-writes": (),
    "read-your-writes": (),
}
"""Each level with the next weaker ones: a history that satisfies the first satisfies those too."""

ALIASES: Mapping[str, str] = {
    "PL-1": "read-uncommitted",
    "PL-2": "read-committed",
    "PL-CS": "cursor-stability",
    "PL-2L": "monotonic-view",
    "PL-MSR": "monotonic-snapshot-read",
    "PL-2+": "consistent-view",
    "PL-FCV": "forward-consistent-view",
    "PL-SI": "snapshot-isolation",
    "PL-2.99": "repeatable-read",
    "PL-3U": "update-serializable",
    "PL-3": "serializable",
    "PL-SS": "strict-serializable",
    "conflict-serializable": "serializable",
    "strong-serializable": "strict-serializable",
    "strong-session-PL-1": "strong-session-read-uncommitted",
    "strong-session-PL-2": "strong-session-read-committed",
    "strong-PL-1": "strong-read-uncommitted",
    "strong-PL-2": "strong-read-committed",
    "strong-session-SI": "strong-session-snapshot-isolation",
    "strong-SI": "strong-snapshot-isolation",
    "SI": "snapshot-isolation",
    "PSI": "parallel-snapshot-isolation",
    "SER": "serializable",
    "1SR": "serializable",
}
"""Other names of levels: Adya's, abbreviations."""

DECIDED = (
    "strict-serializable",
    "strong-session-serializable",
    "strong-snapshot-isolation",
    "serializable",
    "strong-session-snapshot-isolation",
    "repeatable-read",
    "snapshot-isolation",
    "parallel-snapshot-isolation",
    "consistent-view",
    "strong-read-committed",
    "strong-session-read-committed",
    "read-committed",
    "strong-read-uncommitted",
    "strong-session-read-uncommitted",
    "read-uncommitted",
)
"""Levels that are equal to the absence of the anomalies that are looked for; of the others only violations are found."""

_CYCLES = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")
_SUFFIXES = ("", "-process", "-realtime")

_RULES_OUT: dict[str, tuple[str, ...]] = {
    "G0": ("read-uncommitted",),
    "G1c": ("read-committed", "parallel-snapshot-isolation"),
    "G-single": ("consistent-view", "repeatable-read", "parallel-snapshot-isolation"),
    "G-nonadjacent": ("snapshot-isolation", "repeatable-read"),
    "G2-item": ("repeatable-read",),
    "G0-process": ("strong-session-read-uncommitted",),
    "G1c-process": ("strong-session-read-committed",),
    "G-single-process": ("strong-session-snapshot-isolation",),
    "G-nonadjacent-process": ("strong-session-snapshot-isolation",),
    "G2-item-process": ("strong-session-serializable",),
    "G0-realtime": ("strong-read-uncommitted",),
    "G1c-realtime": ("strong-read-committed",),
    "G-single-realtime": ("strong-snapshot-isolation",),
    "G-nonadjacent-realtime": ("strong-snapshot-isolation",),
    "G2-item-realtime": ("strict-serializable",),
    "G1a": ("read-committed", "read-atomic"),
    "G1b": ("read-committed",),
    "garbage-read": ("read-committed", "read-atomic"),
    "dirty-update": ("read-committed", "read-atomic"),
    "incompatible-order": ("read-committed", "read-atomic"),
    "future-read": ("read-committed", "read-atomic"),
    "duplicate-elements": ("read-uncommitted",),
    "reordered-writes": ("read-uncommitted",),
    "cyclic-versions": ("read-uncommitted",),
    "internal": ("read-atomic",),
    "lost-update": ("cursor-stability", "update-atomic"),
    "predicate-read-miss": ("serializable",),
    "G2": ("serializable",),
    "long-fork": ("prefix",),
    "no-serial-order": ("repeatable-read",),
    "no-serial-order-process": ("strong-session-serializable",),
    "no-serial-order-realtime": ("strict-serializable",),
    "no-snapshot-order": ("snapshot-isolation",),
    "no-snapshot-order-process": ("strong-session-snapshot-isolation",),
    "no-snapshot-order-realtime": ("strong-snapshot-isolation",),
}

ANOMALIES: tuple[str, ...] = tuple(_RULES_OUT)
"""Everything that can be found, worst cycles first."""


def level_named(name: str) -> str:
    """The level of that name. Raises UsageError, with what exists."""
    folded = {known.lower(): known for known in (*IMPLIES, *ALIASES)}
    found = folded.get(name.lower().replace("_", "-").replace(" ", "-"))
    if found is None:
        raise unknown("level", name, IMPLIES)
    return ALIASES.get(found, found)


def weaker(level: str) -> set[str]:
    """A level and all that it implies."""
    found = {level}
    waiting = [level]
    while waiting:
        for lower in IMPLIES[waiting.pop()]:
            if lower not in found:
                found.add(lower)
                waiting.append(lower)
    return found


_WEAKER = {level: weaker(level) for level in IMPLIES}


def ruled_out(anomalies: Iterable[str]) -> list[str]:
    """The levels that a history with these anomalies does not satisfy, strongest first."""
    direct = {level for anomaly in anomalies for level in _RULES_OUT[anomaly]}
    return [level for level in IMPLIES if _WEAKER[level] & direct]


def weakest(levels: Iterable[str]) -> list[str]:
    """Those of the levels that imply no other of them."""
    found = set(levels)
    return [level for level in IMPLIES if level in found and not (_WEAKER[level] - {level}) & found]


def strongest(levels: Iterable[str]) -> list[str]:
    """Those of the levels that no other of them implies."""
    found = set(levels)
    return [level for level in IMPLIES if level in found and not any(level in _WEAKER[other] for other in found - {level})]


def holding(anomalies: Iterable[str]) -> list[str]:
    """The strongest of the decided levels that a history with exactly these anomalies still satisfies."""
    out = set(ruled_out(anomalies))
    return strongest(level for level in DECIDED if level not in out)


def forbids(level: str, anomaly: str) -> bool:
    """Whether a history with this anomaly cannot be of this level."""
    return level in ruled_out([anomaly])
