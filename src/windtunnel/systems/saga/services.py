"""The services of the order saga: each does its step once per saga, undoes it once, and remembers both.

Source:  Helland, "Life beyond Distributed Transactions: an Apostate's Opinion", CIDR 2007: activities are keyed, messages are
         repeated and late, so the receiver remembers what it has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from windtunnel.base.errors import Definite
from windtunnel.base.host import Host
from windtunnel.base.interface import Reply, Request
from windtunnel.base.messages import Message, NodeId
from windtunnel.base.system import safeguard

CUSTOMERS = "abcde"
SHOP = "shop"

# --- Messages ---


class Do(Message, frozen=True):
    """Orchestrator to service: do your step for this saga. `saga` is the idempotency key."""

    saga: str
    order: int
    customer: str
    amount: int


class Undo(Message, frozen=True):
    """Orchestrator to service: compensate your step, whether or not you have done it, and never do it again."""

    step: Do


class Report(Message, frozen=True):
    """Orchestrator to service: what is in your books?"""


class Done(Message, frozen=True):
    """Service to orchestrator: the step, or its compensation, is durable."""


class Books(Message, frozen=True):
    """Service to orchestrator: names and amounts."""

    amounts: tuple[tuple[str, int], ...]


class Entry(Message, frozen=True):
    """Service: the step was done or, with `undo`, compensated."""

    step: Do
    undo: bool


# --- State ---


TRACELESS = ("all_or_nothing", "paid_is_reserved", "shipped_is_paid", "conservation")
"""What a saga breaks that is cut off: which of them is seen first depends on the step; the last is seen by clients."""


@dataclass(frozen=True, slots=True)
class Safeguards:
    """The load-bearing rules. Sections are those of Garcia-Molina & Salem."""

    log_before_step: bool = safeguard(
        "The orchestrator logs a step before it asks for it.", source="section 4", breaks=TRACELESS, by="seeds"
    )
    compensate_on_failure: bool = safeguard(
        "A saga that cannot go on compensates what it has done.", source="section 2", breaks=TRACELESS, by="seeds"
    )
    compensate_in_reverse: bool = safeguard(
        "The last step is compensated first.", source="section 2", breaks=("paid_is_reserved", "shipped_is_paid"), by="seeds"
    )
    retry_compensations: bool = safeguard(
        "A compensation is repeated until it is confirmed.", source="section 6", breaks=TRACELESS, by="seeds"
    )
    idempotency_keys: bool = safeguard(
        "A service does a step, and undoes it, once per saga.", source="Helland 2007", breaks=("at_most_once",), by="seeds"
    )
    tombstones: bool = safeguard(
        "A step that arrives after its compensation is refused.", source="Helland 2007", breaks=TRACELESS, by="seeds"
    )


@dataclass(frozen=True, slots=True)
class Options:
    """deadline_s: of a call. attempts: of a step. backoff_s: mean time between two attempts of a compensation.

    funds: of each customer. stock: units at the start. undeliverable: shipping refuses orders whose number it divides.
    """

    deadline_s: float = 0.25
    attempts: int = 3
    backoff_s: float = 0.2
    funds: int = 500
    stock: int = 10_000
    undeliverable: int = 10


# --- The services ---


class Service:
    """One step of every saga. `counts` says how often it stands done, `latest` which saga the last event was about."""

    def __init__(self, host: Host, safeguards: Safeguards, options: Options) -> None:
        self.host, self.safeguards, self.options = host, safeguards, options
        self.states: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self.latest = ""
        # One request at a time: no answer rests on an entry that another request has made and that is not durable yet.
        self._one = asyncio.Lock()

    async def run(self) -> None:
        """Read the books, then serve."""
        for entry in self.host.records():
            self._enter(entry)
        self.host.observe(self)
        self.host.serve(self.handle)

    async def handle(self, src: NodeId, message: Any) -> Message | None:
        """A step, a compensation, a question, or a client who has come to the wrong node."""
        del src
        match message:
            case Do():
                return await self._do(message)
            case Undo(step):
                return await self._undo(step)
            case Report():
                return Books(tuple(self.books()))
            case Request(session, seq):
                return Reply(session, seq, "redirect", hint="orchestrator")
            case _:
                return None

    async def _do(self, step: Do) -> Done:
        async with self._one:
            state = self.states.get(step.saga)
            if state == "undone" and self.safeguards.tombstones:
                raise Definite(f"{step.saga} is compensated already")
            if state != "done" or not self.safeguards.idempotency_keys:
                if (why := self.refusal(step)) is not None:
                    raise Definite(why)
                await self._record(Entry(step, undo=False))
            return Done()

    async def _undo(self, step: Do) -> Done:
        async with self._one:
            if self.states.get(step.saga) != "undone" or not self.safeguards.idempotency_keys:
                await self._record(Entry(step, undo=True))
            return Done()

    async def _record(self, entry: Entry) -> None:
        self._enter(entry)
        self.host.observe(self)
        await self.host.persist(entry)

    def _enter(self, entry: Entry) -> None:
        saga = self.latest = entry.step.saga
        state = self.states.get(saga)
        if not entry.undo:
            self._count(entry.step, 1)
            self.states[saga] = "done"
            return
        if state == "done" or not self.safeguards.idempotency_keys:
            self._count(entry.step, -1)
        self.states[saga] = "undone"
        if not self.safeguards.tombstones:
            del self.states[saga]

    def _count(self, step: Do, times: int) -> None:
        self.counts[step.saga] = self.counts.get(step.saga, 0) + times
        self.move(step, times)

    # What a service is about; Shipping keeps no books.

    def refusal(self, step: Do) -> str | None:
        """Why this step cannot be done, or None."""
        return "no such address" if step.order % self.options.undeliverable == 0 else None

    def move(self, step: Do, times: int) -> None:
        """Do the step once (`times` 1), or undo it (-1)."""

    def books(self) -> Iterable[tuple[str, int]]:
        """Names and amounts."""
        return ()


class Inventory(Service):
    """Reserves one unit per order; what is never released is sold."""

    def __init__(self, host: Host, safeguards: Safeguards, options: Options) -> None:
        super().__init__(host, safeguards, options)
        self.sold = 0

    def refusal(self, step: Do) -> str | None:
        """The shelf is empty."""
        del step  # one unit, whatever was ordered
        return "out of stock" if self.sold >= self.options.stock else None

    def move(self, step: Do, times: int) -> None:
        """From stock to sold, or back."""
        del step
        self.sold += times

    def books(self) -> Iterable[tuple[str, int]]:
        """The shelf."""
        return ("stock", self.options.stock - self.sold), ("sold", self.sold)


class Payment(Service):
    """Moves money from the customer to the shop."""

    def __init__(self, host: Host, safeguards: Safeguards, options: Options) -> None:
        super().__init__(host, safeguards, options)
        self.accounts = {**dict.fromkeys(CUSTOMERS, options.funds), SHOP: 0}

    def refusal(self, step: Do) -> str | None:
        """The customer cannot pay."""
        return None if self.accounts.get(step.customer, 0) >= step.amount else "insufficient funds"

    def move(self, step: Do, times: int) -> None:
        """From the customer to the shop, or back."""
        self.accounts[step.customer] -= times * step.amount
        self.accounts[SHOP] += times * step.amount

    def books(self) -> Iterable[tuple[str, int]]:
        """All accounts."""
        return self.accounts.items()
