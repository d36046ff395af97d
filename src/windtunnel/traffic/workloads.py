"""What clients ask for: one workload per interface, drawing operations from a mix.

Written values are unique within a run, because a checker learns most from a read that can come from one write only: with
repeated values a stale read may look fresh. All clients of a run share one workload object, each with a source of its own;
in the simulator the order of draws is fixed by the order of events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import ClassVar, Protocol

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.interface import Op
from windtunnel.traffic.arrivals import Dice
from windtunnel.traffic.keys import chooser

Mix = Mapping[str, float]

Source = Callable[[Dice], Op]
"""The next operation of one client; always the same number of draws."""

SPELL = 0.9
"""How likely a client of kv goes on with what it is at, reading or updating; spells are then ten times as long as by chance."""


class Workload(Protocol):
    """Draws operations of one interface.

    sticky: clients stay with the node that answers them; otherwise each operation goes to a drawn node, which is what shows
    differences between replicas that all may answer. closing: an operation to be asked of every entry node at the very end, when
    faults are over and the system is quiet; None where the history needs none.
    """

    interface: ClassVar[str]
    sticky: ClassVar[bool]
    closing: ClassVar[Op | None]

    def source(self) -> Source:
        """The operations of one client."""


class KeyValue:
    """Interface kv: reads, writes, compare-and-set and appends over `keys` keys.

    Values are strings of decimal numbers; appended text is `+number`, so that a read shows which writes it has seen. A
    compare-and-set expects the last value that any client asked to write there (None: no value yet): it succeeds often in
    quiet times and fails in stormy ones.

    Clients read in spells and update in spells; over time each does both as the mix says. If every operation were drawn
    afresh, no client would read for long: its next update would wait for a majority and drive it away from a deposed leader
    before that leader's reads could be seen to be stale. Jepsen reserves threads for reads for the same reason.
    """

    interface: ClassVar[str] = "kv"
    sticky: ClassVar[bool] = True
    closing: ClassVar[Op | None] = None
    mix: ClassVar[Mix] = {"read": 0.5, "write": 0.3, "cas": 0.1, "append": 0.1}

    def __init__(self, mix: Mix, keys: int, zipf: float) -> None:
        self._choose = chooser(keys, zipf or None)
        self._names = [f"k{i}" for i in range(keys)]
        self._reads = [Op("read", name) for name in self._names]  # messages are values: one read per key serves for ever
        self._last: list[str | None] = [None] * keys
        self._written = 0
        self._read_below, self._write_below, self._cas_below, _ = thresholds(mix)

    def source(self) -> Source:
        """One draw for spell and kind, one for the key."""
        read_below, choose, reads, update = self._read_below, self._choose, self._reads, self._update
        reading: bool | None = None  # no spell yet

        def operation(stream: Dice) -> Op:
            nonlocal reading
            draw = stream.random()
            if reading is None:
                reading = draw < read_below
            elif draw < SPELL:  # the spell goes on; what the draw says beyond that is as good as another draw
                draw /= SPELL
                draw = draw * read_below if reading else read_below + draw * (1.0 - read_below)
            else:
                draw = (draw - SPELL) / (1.0 - SPELL)
                reading = draw < read_below
            key = choose(stream)
            return reads[key] if reading else update(draw, key)

        return operation

    def _update(self, draw: float, key: int) -> Op:
        self._written += 1
        value = str(self._written)
        if draw < self._write_below:
            self._last[key] = value
            return Op("write", self._names[key], value)
        if draw < self._cas_below:
            expected, self._last[key] = self._last[key], value
            return Op("cas", self._names[key], (expected, value))
        value = f"+{value}"
        self._last[key] = (self._last[key] or "") + value
        return Op("append", self._names[key], value)


class Transactions:
    """Interface txn: each operation is one distributed transaction; its value says how the participants will vote.

    The value is "yes" (all vote yes), or "no" (one participant, chosen by the system from the transaction, votes no).
    """

    interface: ClassVar[str] = "txn"
    sticky: ClassVar[bool] = True
    closing: ClassVar[Op | None] = None
    mix: ClassVar[Mix] = {"yes": 0.8, "no": 0.2}

    def __init__(self, mix: Mix, keys: int, zipf: float) -> None:  # noqa: ARG002 - transactions have no keys
        self._yes_below = thresholds(mix)[0]

    def source(self) -> Source:
        """One draw per operation."""
        return lambda stream: Op("txn", None, "yes" if stream.random() < self._yes_below else "no")


class Broadcasts:
    """Interface broadcast: numbers 1, 2, 3, ... are broadcast at drawn nodes; reads ask drawn nodes what they have seen."""

    interface: ClassVar[str] = "broadcast"
    sticky: ClassVar[bool] = False
    closing: ClassVar[Op | None] = Op("read")
    mix: ClassVar[Mix] = {"broadcast": 0.5, "read": 0.5}

    def __init__(self, mix: Mix, keys: int, zipf: float) -> None:  # noqa: ARG002 - broadcasts have no keys
        self._broadcast_below = thresholds(mix)[0]
        self._read = Op("read")
        self._sent = 0

    def source(self) -> Source:
        """One draw per operation."""
        return self._operation

    def _operation(self, stream: Dice) -> Op:
        if stream.random() < self._broadcast_below:
            self._sent += 1
            return Op("broadcast", None, self._sent)
        return self._read


class Orders:
    """Interface ledger: orders that move money and stock, and reads of all balances.

    An order is `{"order": number, "customer": "a".."e", "amount": 1..20}`: customers are few, so that some of them run out of
    money and their orders must be cancelled and compensated.
    """

    interface: ClassVar[str] = "ledger"
    sticky: ClassVar[bool] = True
    closing: ClassVar[Op | None] = Op("balances")
    mix: ClassVar[Mix] = {"order": 0.9, "balances": 0.1}
    customers: ClassVar[str] = "abcde"

    def __init__(self, mix: Mix, keys: int, zipf: float) -> None:  # noqa: ARG002 - orders have no keys
        self._order_below = thresholds(mix)[0]
        self._balances = Op("balances")
        self._orders = 0

    def source(self) -> Source:
        """Three draws per operation, whatever comes out."""
        return self._operation

    def _operation(self, stream: Dice) -> Op:
        draw, customer, amount = stream.random(), stream.below(len(self.customers)), 1 + stream.below(20)
        if draw >= self._order_below:
            return self._balances
        self._orders += 1
        return Op("order", None, {"order": self._orders, "customer": self.customers[customer], "amount": amount})


INTERFACES: dict[str, type[KeyValue | Transactions | Broadcasts | Orders]] = {
    kind.interface: kind for kind in (KeyValue, Transactions, Broadcasts, Orders)
}


def workload(interface: str, *, keys: int = 5, zipf: float = 0.0, mix: Mix | None = None) -> Workload:
    """A fresh workload for an interface. keys: how many; zipf: exponent, 0 is uniform; both only where operations have keys.

    mix: weights by operation; what it leaves out is not asked for. None is the default mix of the interface. Raises
    UsageError for an unknown interface or operation, and for weights that are negative or all zero.
    """
    kind = INTERFACES.get(interface)
    if kind is None:
        raise unknown("interface", interface, INTERFACES)
    return kind(_full_mix(interface, kind.mix, mix), keys, zipf)


def read_mix(text: str) -> dict[str, float]:
    """Weights from `read=5,write=3`. Raises UsageError for anything else."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        try:
            weights[name.strip()] = float(weight)
        except ValueError:
            raise UsageError(f"expected a mix such as read=5,write=3; got {part!r} in {text!r}") from None
    return weights


def thresholds(mix: Mix) -> list[float]:
    """Upper bounds in [0, 1] for one uniform draw, in the order of the mix; the last is 1."""
    bounds = list(accumulate(mix.values()))
    return [bound / bounds[-1] for bound in bounds]


def _full_mix(interface: str, known: Mix, mix: Mix | None) -> Mix:
    if mix is None:
        return known
    for name, weight in mix.items():
        if name not in known:
            raise unknown(f"operation of {interface}", name, known)
        if not 0.0 <= weight < float("inf"):
            raise UsageError(f"the weight of {name} is a number of at least 0; got {weight}")
    if sum(mix.values()) <= 0:
        raise UsageError(f"a mix needs an operation of weight above 0; {interface} has {', '.join(known)}")
    return {name: float(mix.get(name, 0.0)) for name in known}
