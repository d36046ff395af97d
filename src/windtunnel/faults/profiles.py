"""Named profiles: kinds of trouble from which a plan is drawn.

A profile is a renewal process: a quiet gap (exponential), a fault of a drawn length, a gap again; at least one fault, however
short the run. Each kind draws from a stream of its own, so that adding `clock` to `crash` leaves the crashes where they were.
Times are chosen against what protocols of the catalogue wait for: heartbeats of 50 ms, elections of 150 to 300 ms, clients
that retry after 500 ms.

Bounds. Every fault has ended by 0.8 of the run, so that what must come about can come about. A majority may crash at once, and
everybody may: disks survive, and each node restarts. At most one disk is bad at a time and it is repaired afterwards, since no
protocol survives the loss of a majority of its disks.

`partition:2` is the profile at twice its intensity: gaps are half as long. `all` is every kind; `hostile` every kind at
twice its intensity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.messages import NodeId
from windtunnel.base.streams import Stream
from windtunnel.faults.plan import ALL, LEADER, OTHERS, Fault, Plan

QUIET_PART = 0.2
"""The last fifth of a run is free of faults: 12 s of a minute, some 40 election timeouts."""

WARM_UP_S = 0.5
"""Faults begin after about two election timeouts; a leader may or may not exist by then."""

PART_MAX = 0.25
"""No fault is longer than a quarter of the time for faults, so that short runs see several."""

LINKED_NODES_MAX = 200
"""Above it only single nodes are cut off: halving n nodes takes n * n / 2 links."""

INTENSITY_MAX = 100.0


class Dice(Protocol):
    """The stream a plan is drawn with."""

    def random(self) -> float:
        """Uniform in [0, 1)."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What a profile knows when it draws one fault."""

    nodes: tuple[NodeId, ...]
    leader_known: bool
    dice: Stream

    def victim(self, leader_share: float) -> NodeId:
        """The leader with that probability (where there is such a thing), else any node."""
        wants_leader = self.dice.chance(leader_share)
        node = self.dice.choice(self.nodes)
        return LEADER if wants_leader and self.leader_known else node


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of trouble.

    gap_s: mean of the quiet time before each fault. lasts_s: the range of its length, drawn uniformly. why: the reason for these
    figures. make: draws the faults that begin together at `at_s` and end by `until_s`.
    """

    kind: str
    what: str
    gap_s: float
    lasts_s: tuple[float, float]
    why: str
    make: Callable[[Draw, float, float], list[Fault]]


def draw(
    names: Sequence[str],
    nodes: tuple[NodeId, ...],
    for_s: float,
    stream: Dice,
    *,
    leader_known: bool = False,
    admitted: Sequence[str] | None = None,
) -> Plan:
    """A plan from profiles, for a run of `for_s` seconds. Takes one draw from `stream`, whatever the names.

    leader_known: the word "leader" means something for this system. admitted: the kinds that the system's fault model allows;
    `all` and `hostile` keep to them. Raises UsageError for an unknown name, or for a kind by name that is not admitted.
    """
    root = int(stream.random() * (1 << 53))
    faults: list[Fault] = []
    for kind, intensity in intensities(names, admitted).items():
        faults += _renewals(PROFILES[kind], nodes, for_s, Stream(root, f"faults/{kind}"), intensity, leader_known=leader_known)
    return Plan(tuple(faults))


def intensities(names: Sequence[str], admitted: Sequence[str] | None = None) -> dict[str, float]:
    """Kind to intensity for names such as `crash`, `crash:2`, `all`; a kind named twice has the larger one. Raises UsageError."""
    wanted: dict[str, float] = {}
    for text in names:
        name, colon, factor = text.strip().partition(":")
        intensity = _intensity(factor, text) if colon else 1.0
        if name in COMBINATIONS:
            kinds = [kind for kind in PROFILES if admitted is None or kind in admitted]
            intensity *= COMBINATIONS[name]
        elif name in PROFILES:
            kinds = [name]
            if admitted is not None and name not in admitted:
                raise UsageError(f"the system's fault model has no {name!r}; it admits: {', '.join(admitted) or 'no faults'}")
        else:
            raise unknown("fault profile", name, (*PROFILES, *COMBINATIONS))
        for kind in kinds:
            wanted[kind] = max(intensity, wanted.get(kind, 0.0))
    return {kind: wanted[kind] for kind in PROFILES if kind in wanted}


def _intensity(factor: str, text: str) -> float:
    try:
        value = float(factor)
    except ValueError:
        value = -1.0
    if not 0.0 < value <= INTENSITY_MAX:
        raise UsageError(f"an intensity is a number above 0, at most {INTENSITY_MAX:g}, such as crash:2; got {text!r}")
    return value


def _renewals(
    profile: Profile, nodes: tuple[NodeId, ...], for_s: float, dice: Stream, intensity: float, *, leader_known: bool
) -> list[Fault]:
    know = Draw(nodes, leader_known, dice)
    end_s = (1.0 - QUIET_PART) * for_s
    begin_s = at_s = min(WARM_UP_S, 0.1 * end_s)
    faults: list[Fault] = []
    while True:
        at_s += dice.exponential(profile.gap_s / intensity)
        lasts_s = min(dice.uniform(*profile.lasts_s), PART_MAX * end_s)
        if at_s + lasts_s > end_s:
            if faults:
                return faults
            at_s = dice.uniform(begin_s, end_s - lasts_s)  # who asks for a kind gets it, however short the run
        # Milliseconds are enough and can be read; rounding the end down keeps it within bounds.
        begin_ms, end_ms = int(1000 * at_s), int(1000 * (at_s + lasts_s))
        made = profile.make(know, begin_ms / 1000, max(end_ms, begin_ms + 1) / 1000)
        if not made:
            return faults  # a single node cannot be partitioned
        faults += made
        at_s += lasts_s


# --- The kinds ---


def _partition(know: Draw, at_s: float, until_s: float) -> list[Fault]:
    dice, count = know.dice, len(know.nodes)
    order = dice.sample(know.nodes, count) if count <= LINKED_NODES_MAX else [dice.choice(know.nodes)]
    pick, cut_at, hold = dice.random(), 1 + dice.below(max(1, count - 1)), dice.chance(0.3)
    if count < 2:
        return []
    args: dict[str, Any]
    if count > LINKED_NODES_MAX or pick < 0.15:
        args = {"shape": "isolate", "nodes": order[:1]}
    elif pick < 0.40 and know.leader_known:
        args = {"shape": "isolate", "nodes": [LEADER]}
    elif pick < 0.60:
        args = {"shape": "halves", "groups": [sorted(order[:cut_at]), sorted(order[cut_at:])]}
    elif pick < 0.75:
        who = [LEADER] if know.leader_known and pick < 0.70 else order[:1]
        ways = (who, [OTHERS]) if hold else ([OTHERS], who)
        args = {"shape": "one_way", "nodes": ways[0], "to": ways[1]}
    elif pick < 0.90 or count < 3:
        args = {"shape": "majority_ring", "nodes": order}
    else:
        half = (count - 1) // 2
        args = {"shape": "bridge", "nodes": order[:1], "groups": [sorted(order[1 : 1 + half]), sorted(order[1 + half :])]}
    if hold:
        args["hold"] = True
    return [Fault(at_s, "cut", args, until_s)]


def _crash(know: Draw, at_s: float, until_s: float) -> list[Fault]:
    dice, count = know.dice, len(know.nodes)
    one, pick = know.victim(0.5), dice.random()
    several = dice.sample(know.nodes, count) if count <= LINKED_NODES_MAX else [one]
    if pick < 0.75 or count < 2:
        who = [one]
    elif pick < 0.85:
        who = sorted(several[: max(1, (count - 1) // 2)])
    elif pick < 0.95 or count > LINKED_NODES_MAX:
        who = sorted(several[: count // 2 + 1])
    else:
        who = [ALL]
    return [Fault(at_s, "crash", {"nodes": who}, until_s)]


def _pause(know: Draw, at_s: float, until_s: float) -> list[Fault]:
    return [Fault(at_s, "pause", {"nodes": [know.victim(0.5)]}, until_s)]


def _loss(know: Draw, at_s: float, until_s: float) -> list[Fault]:
    return [Fault(at_s, "weather", {"drop": round(know.dice.uniform(0.02, 0.3), 3)}, until_s)]


def _duplicate(know: Draw, at_s: float, until_s: float) -> list[Fault]:
    return [Fault(at_s, "weather", {"duplicate": round(know.dice.uniform(0.05, 0.5), 3)}, until_s)]


def _slow(know: Draw, at_s: float, until_s: float) -> list[Fault]:
    return [Fault(at_s, "weather", {"slow_s": round(know.dice.uniform(0.01, 0.4), 3)}, until_s)]


def _clock(know: Draw, at_s: float, until_s: float) -> list[Fault]:
    node, jumps = know.victim(0.5), know.dice.chance(0.5)
    jump_s, drift = know.dice.uniform(0.05, 5.0), know.dice.uniform(-0.05, 0.05)
    args = {"nodes": [node], "offset_s": round(jump_s, 3)} if jumps else {"nodes": [node], "drift": round(drift, 4) or 0.01}
    return [Fault(at_s, "skew", args, until_s)]


def _disk(know: Draw, at_s: float, until_s: float) -> list[Fault]:
    dice = know.dice
    pick, sync_s, node, slow_one = dice.random(), round(dice.uniform(0.02, 0.3), 3), dice.choice(know.nodes), know.victim(0.5)
    if pick < 0.5:
        return [Fault(at_s, "disk", {"nodes": [slow_one], "mode": "slow", "sync_s": sync_s}, until_s)]
    if pick < 0.75:
        return [Fault(at_s, "disk", {"nodes": [node], "mode": "full"}, until_s)]
    # A bad sector shows at the next boot, so the node crashes with it; it stays down until the disk is repaired.
    return [
        Fault(at_s, "disk", {"nodes": [node], "mode": "corrupt"}, until_s),
        Fault(at_s, "crash", {"nodes": [node]}, round((at_s + until_s) / 2, 4)),
    ]


PROFILES: dict[str, Profile] = {
    profile.kind: profile
    for profile in (
        Profile(
            "partition",
            "isolate the leader or a node (40 %), halves (20 %), one way (15 %), majority ring (15 %), bridge (10 %); 30 % held",
            3.0,
            (0.3, 4.0),
            "from one election timeout, which a cluster may sleep through, to a dozen, after which both sides have moved on",
            _partition,
        ),
        Profile(
            "crash",
            "one node, half of the time the leader (75 %), a minority (10 %), a bare majority (10 %), everybody (5 %)",
            3.0,
            (0.05, 3.0),
            "restarts within one election timeout catch votes that were forgotten; long absences need catching up",
            _crash,
        ),
        Profile(
            "pause",
            "freeze the leader (half) or any node, as a garbage collector, a debugger or a live migration does",
            4.0,
            (0.1, 2.0),
            "longer than an election timeout and a lease, so that a leader wakes up deposed and does not know it",
            _pause,
        ),
        Profile(
            "loss",
            "every link loses 2 to 30 % of its messages",
            5.0,
            (1.0, 5.0),
            "a bad cable to a dying switch; above 30 % nothing works and nothing is learnt",
            _loss,
        ),
        Profile(
            "duplicate",
            "every link repeats 5 to 50 % of its messages",
            5.0,
            (1.0, 5.0),
            "what retransmission without deduplication does, exaggerated so that rare pairs of messages meet",
            _duplicate,
        ),
        Profile(
            "slow",
            "every message is delayed by up to 10 to 400 ms more, which also reorders",
            5.0,
            (1.0, 5.0),
            "from a loaded switch to beyond the election timeout of 150 to 300 ms",
            _slow,
        ),
        Profile(
            "clock",
            "the clock of the leader (half) or of any node jumps 0.05 to 5 s forward (half), or runs up to 5 % fast or slow",
            4.0,
            (1.0, 5.0),
            "a monotonic clock never jumps back; 5 % is 500 times the drift of a bad quartz: minutes show what takes days",
            _clock,
        ),
        Profile(
            "disk",
            "slow syncs of up to 20 to 300 ms (half), a full disk (quarter), an unreadable record found at the restart (quarter)",
            6.0,
            (0.5, 4.0),
            "a sync slower than an election timeout is what a shared cloud volume does now and then",
            _disk,
        ),
    )
}
"""The kinds of fault, in the order in which they are drawn."""

COMBINATIONS: dict[str, float] = {"all": 1.0, "hostile": 2.0}
"""Names for every kind at once, with the intensity of each."""
