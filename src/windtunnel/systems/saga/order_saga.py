"""An orchestrated saga: an order reserves stock, moves money and ships, or leaves no trace.

Source:  Garcia-Molina & Salem, "Sagas", SIGMOD 1987: sections 2 (compensation), 4 (backward recovery) and 6 (failing
         compensations). What remote services need beyond it is in `services`.
Keeps:   the saga log, compensation in reverse order, backward recovery after a crash of the orchestrator at any step.
Omits:   save points and forward recovery, nested and parallel sagas, forgetting old sagas.
Departs: steps are calls to services, not transactions of one database; so a step may also end in silence. Then it is
         compensated like one that was done, and the service must refuse it should it arrive later.

Four nodes: `orchestrator`, `inventory`, `payment`, `shipping`. `order` takes {"order": number, "customer": name, "amount":
money} and answers "completed" or "cancelled". `balances` answers every account, `stock` and `sold`; their sum never changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from windtunnel.base.errors import Definite, Indefinite, UsageError
from windtunnel.base.host import Host
from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import Message, NodeId
from windtunnel.base.properties import Nodes, always, eventually, sometimes
from windtunnel.base.system import Setup, System
from windtunnel.systems.saga.services import (
    CUSTOMERS,
    Books,
    Do,
    Done,
    Entry,
    Inventory,
    Options,
    Payment,
    Report,
    Safeguards,
    Service,
    Undo,
)

STEPS = ("inventory", "payment", "shipping")
NAMES = ("orchestrator", *STEPS)

# --- The saga log ---


class Started(Message, frozen=True):
    """Orchestrator: step number `reached` of this saga may have been done."""

    step: Do
    reached: int


class Ended(Message, frozen=True):
    """Orchestrator: the saga is over."""

    saga: str
    outcome: str


# --- The orchestrator ---


class Orchestrator:
    """Runs sagas, each in a task of its own; the saga log says which were under way when it crashed."""

    def __init__(self, host: Host, safeguards: Safeguards, options: Options) -> None:
        self.host, self.safeguards, self.options = host, safeguards, options
        self.outcomes: dict[str, str] = {}
        self.running: dict[str, asyncio.Task[str]] = {}
        self.latest = ""
        self.unfinished = 0  # sagas that this life found in the log

    async def run(self) -> None:
        """Backward recovery: what the log shows as unfinished is compensated; meanwhile new sagas may begin."""
        started: dict[str, Started] = {}
        for record in self.host.records():
            match record:
                case Started(step):
                    started[step.saga] = record
                case Ended(saga, outcome):
                    self.outcomes[saga] = outcome
                    started.pop(saga, None)
        self.unfinished = len(started)
        for saga, record in started.items():
            self.running[saga] = asyncio.create_task(self._cancel(record.step, record.reached))
        self.host.observe(self)
        self.host.serve(self.handle)
        await asyncio.gather(*self.running.values())

    async def handle(self, src: NodeId, message: Any) -> Message | None:
        """An operation of a client."""
        del src
        match message:
            case Request(session, seq, Op("order", _, value)):
                return Reply(session, seq, "ok", await self._order(_step(f"{session}/{seq}", value)))
            case Request(session, seq, Op("balances")):
                return Reply(session, seq, "ok", await self._balances())
            case Request(session, seq, op):
                return Reply(session, seq, "fail", f"no operation {op.f}")
            case _:
                return None

    async def _order(self, step: Do) -> str:
        """Run the saga, or join it: a client that asks again gets the outcome of the first time."""
        if step.saga in self.outcomes:
            return self.outcomes[step.saga]
        if step.saga not in self.running:
            self.running[step.saga] = asyncio.create_task(self._saga(step))
        return await asyncio.shield(self.running[step.saga])

    async def _saga(self, step: Do) -> str:
        for reached, service in enumerate(STEPS):
            if self.safeguards.log_before_step:
                await self.host.persist(Started(step, reached))
            if not await self._do(service, step):
                return await self._cancel(step, reached)
            if not self.safeguards.log_before_step:
                await self.host.persist(Started(step, reached))
        return await self._end(step.saga, "completed")

    async def _do(self, service: NodeId, step: Do) -> bool:
        """Whether the service has certainly done its step; after silence it may have, and after a refusal it may yet."""
        for _ in range(self.options.attempts):
            try:
                await self.host.call(service, step, deadline_s=self.options.deadline_s)
            except Indefinite:
                continue
            except Definite:
                return False
            return True
        return False

    async def _cancel(self, step: Do, reached: int) -> str:
        """Compensate the step that was reached, for it may have been done or be on its way, and all before it."""
        steps: Sequence[NodeId] = STEPS[: reached + 1]
        if self.safeguards.compensate_in_reverse:
            steps = steps[::-1]
        if self.safeguards.compensate_on_failure:
            for service in steps:
                await self._undo(service, step)
        return await self._end(step.saga, "cancelled")

    async def _undo(self, service: NodeId, step: Do) -> None:
        while True:
            try:
                await self.host.call(service, Undo(step), deadline_s=self.options.deadline_s)
            except Indefinite:
                if self.safeguards.retry_compensations:
                    await asyncio.sleep(self.options.backoff_s * (0.5 + self.host.random()))
                    continue
            return

    async def _end(self, saga: str, outcome: str) -> str:
        await self.host.persist(Ended(saga, outcome))
        self.outcomes[saga], self.latest = outcome, saga
        del self.running[saga]
        self.host.observe(self)
        return outcome

    async def _balances(self) -> dict[str, int]:
        """Money and stock, each from the service that keeps it, so each at a moment of its own."""
        books = [await self.host.call(service, Report(), deadline_s=self.options.deadline_s) for service in STEPS[:2]]
        return {name: amount for book in books for name, amount in book.amounts}


def _step(saga: str, value: Any) -> Do:
    """The step that all services are asked for. Raises Definite for an order that makes no sense."""
    match value:
        case {"order": int() as number, "customer": str() as customer, "amount": int() as amount} if amount > 0:
            return Do(saga, number, customer, amount)
        case _:
            raise Definite('expected an order such as {"order": 1, "customer": "a", "amount": 5}')


# --- What must hold ---


def _services(nodes: Nodes) -> list[Service]:
    return [nodes[name] for name in STEPS if name in nodes]


def at_most_once(nodes: Nodes) -> bool:
    """Always: no service has done, or undone, a step of a saga twice."""
    return all(service.counts.get(service.latest, 0) in (0, 1) for service in _services(nodes))


def money_is_conserved(nodes: Nodes) -> bool:
    """Always: money is neither made nor lost, and nobody owes any."""
    if "payment" not in nodes:
        return True
    payment: Payment = nodes["payment"]
    amounts = payment.accounts.values()
    return sum(amounts) == payment.options.funds * len(CUSTOMERS) and min(amounts) >= 0


def paid_is_reserved(nodes: Nodes) -> bool:
    """Always: what has been paid for is reserved."""
    return _stands_on(nodes, "payment", "inventory")


def shipped_is_paid(nodes: Nodes) -> bool:
    """Always: what has been shipped is paid for."""
    return _stands_on(nodes, "shipping", "payment")


def _stands_on(nodes: Nodes, later: NodeId, earlier: NodeId) -> bool:
    if later not in nodes or earlier not in nodes:
        return True
    above, below = nodes[later], nodes[earlier]
    return all(above.counts.get(saga, 0) <= 0 or below.counts.get(saga, 0) > 0 for saga in (above.latest, below.latest))


def completed_is_complete(nodes: Nodes) -> bool:
    """Always: when an order is completed, every step of it has been done."""
    orchestrator = nodes.get("orchestrator")
    if orchestrator is None or orchestrator.outcomes.get(orchestrator.latest) != "completed":
        return True
    return all(service.counts.get(orchestrator.latest, 0) > 0 for service in _services(nodes))


def all_or_nothing(nodes: Nodes) -> bool:
    """Eventually: every saga has ended, and has been done by all services or by none."""
    services = _services(nodes)
    if len(nodes) < len(NAMES) or nodes["orchestrator"].running:
        return False
    sagas = dict.fromkeys(saga for service in services for saga in service.counts)
    return all(len({service.counts.get(saga, 0) for service in services}) == 1 for saga in sagas)


def money_comes_back(nodes: Nodes) -> bool:
    """Sometimes: a payment has been compensated."""
    return "payment" in nodes and nodes["payment"].counts.get(nodes["payment"].latest) == 0


def a_crash_leaves_a_saga_behind(nodes: Nodes) -> bool:
    """Sometimes: the orchestrator finds an unfinished saga in its log."""
    return "orchestrator" in nodes and nodes["orchestrator"].unfinished > 0


# --- The entry of the catalogue ---


def _build(setup: Setup) -> Callable[[Host], Awaitable[None]]:
    kinds: dict[NodeId, type[Orchestrator | Service]]
    kinds = {"orchestrator": Orchestrator, "inventory": Inventory, "payment": Payment, "shipping": Service}
    return lambda host: kinds[setup.me](host, setup.safeguards, setup.options).run()


def _names(size: int) -> tuple[NodeId, ...]:
    if size != len(NAMES):
        raise UsageError(f"an order saga has {len(NAMES)} nodes: {', '.join(NAMES)}; got {size}")
    return NAMES


SYSTEM = System(
    name="order-saga",
    family="saga",
    title="Order saga, orchestrated",
    source="Garcia-Molina & Salem 1987",
    interface="ledger",
    promise="an order is completed by all services, or leaves no trace in any of them",
    build=_build,
    form="procedure",
    messages=(Request, Reply, Do, Undo, Report, Done, Books),
    records=(Started, Ended, Entry),
    safeguards=Safeguards,
    options=Options,
    always=tuple(always(p) for p in (at_most_once, money_is_conserved, paid_is_reserved, shipped_is_paid, completed_is_complete)),
    sometimes=(sometimes(money_comes_back), sometimes(a_crash_leaves_a_saga_behind)),
    eventually=(eventually(all_or_nothing),),
    size=len(NAMES),
    nodes=_names,
    entry=lambda names: names[:1],
    leader=lambda nodes: "orchestrator" if "orchestrator" in nodes else None,
)
