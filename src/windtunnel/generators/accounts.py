"""Simulated accounts, ledgers, effects and leases, and what goes wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Final

from windtunnel.base.messages import Value
from windtunnel.generators.service import NOTHING, Refused, Served
from windtunnel.generators.timeline import Timeline

# --- Accounts ---


class Bank(Served):
    """Accounts, and transfers between them, each at one instant."""

    levels: ClassVar[Mapping[str, tuple[str, ...]]] = {"constant-total": ("bank",)}

    def __init__(self, level: str, timeline: Timeline, keys: int, faults: int) -> None:
        super().__init__(level, timeline, keys, faults)
        self.balances = {f"a{number}": 100 for number in range(max(2, keys))}

    def client(self, lost: float) -> Iterator[None]:
        """Transfers, and reads of all balances."""
        process = self.timeline.process()
        while self.timeline.begin():
            if self.stream.chance(0.3):
                yield from self.calling(process, lost, "read", lambda: dict(self.balances))
            else:
                order = self.draw()
                yield from self.calling(process, lost, "transfer", partial(self._transfer, order), value=order)
            process = self.timeline.process() if self.gone else process

    def draw(self) -> dict[str, Any]:
        """A transfer between two accounts."""
        names = list(self.balances)
        source = self.stream.below(len(names))
        target = (source + 1 + self.stream.below(len(names) - 1)) % len(names)
        return {"from": names[source], "to": names[target], "amount": 1 + self.stream.below(40)}

    def _transfer(self, order: Mapping[str, Any]) -> None:
        if self.balances[order["from"]] < order["amount"]:
            raise Refused
        self.move(order)

    def move(self, order: Mapping[str, Any]) -> None:
        """Without asking whether there is enough."""
        self.balances[order["from"]] -= order["amount"]
        self.balances[order["to"]] += order["amount"]


def partial_transfer(bank: Bank, number: int) -> Iterator[None]:
    """A read shows a transfer half done."""
    yield from bank.call(number, bank.timeline.process(), "read", lambda: dict(bank.balances))
    source = max(bank.balances, key=lambda name: bank.balances[name])
    target = next(name for name in bank.balances if name != source)
    order = {"from": source, "to": target, "amount": 1}
    transfer = bank.planned(number, bank.timeline.process(), "transfer", None, order)
    read = bank.planned(number, bank.timeline.process(), "read")
    yield
    seen = dict(bank.balances)
    seen[source] -= 1
    bank.move(order)
    yield
    bank.timeline.complete(read, "ok", seen)
    yield
    bank.timeline.complete(transfer, "ok")
    yield


def lost_account(bank: Bank, number: int) -> Iterator[None]:
    """A read lacks an account."""
    yield from bank.call(number, bank.timeline.process(), "read", lambda: dict(bank.balances))
    yield from bank.call(number, bank.timeline.process(), "read", lambda: dict(list(bank.balances.items())[1:]))


def overdraft(bank: Bank, number: int) -> Iterator[None]:
    """A transfer takes more than there is."""
    order = bank.draw()
    order["amount"] = 1000 * len(bank.balances)
    transfer = bank.planned(number, bank.timeline.process(), "transfer", None, order)
    read = bank.planned(number, bank.timeline.process(), "read")
    yield
    bank.move(order)
    seen: Value = dict(bank.balances)
    yield
    bank.timeline.complete(transfer, "ok")
    yield
    bank.timeline.complete(read, "ok", seen)
    yield


class Ledger(Served):
    """Orders that are completed or cancelled, and the balances of customers and of the shop; faults have their own customers."""

    levels: ClassVar[Mapping[str, tuple[str, ...]]] = {"conserving": ("ledger",)}

    def __init__(self, level: str, timeline: Timeline, keys: int, faults: int) -> None:
        super().__init__(level, timeline, keys, faults)
        customers = [f"c{number}" for number in range(keys)]
        self.customers = tuple(customers)
        self.balances = {"shop": 0, **dict.fromkeys([*customers, *(f"p{number}" for number in range(faults))], 500)}

    def client(self, lost: float) -> Iterator[None]:
        """Orders, and reads of all balances."""
        process = self.timeline.process()
        while self.timeline.begin():
            if self.stream.chance(0.3):
                yield from self.calling(process, lost, "balances", lambda: dict(self.balances))
            else:
                order = self.order(self.stream.choice(self.customers), 1 + self.stream.below(30))
                yield from self.calling(process, lost, "order", partial(self._serve, order), value=order)
            process = self.timeline.process() if self.gone else process

    def order(self, customer: str, amount: int) -> dict[str, Any]:
        """An order with a number of its own."""
        return {"order": self.fresh(), "customer": customer, "amount": amount}

    def _serve(self, order: Mapping[str, Any]) -> str:
        if self.balances[order["customer"]] < order["amount"] or self.stream.chance(0.1):
            return "cancelled"
        self.charge(order["customer"], order["amount"])
        return "completed"

    def charge(self, customer: str, amount: int) -> None:
        """From the customer to the shop."""
        self.balances[customer] -= amount
        self.balances["shop"] += amount


def charging(ledger: Ledger, number: int, answer: str, amount: int, lost: int = 0) -> Iterator[None]:
    """A read, an order of 10 that charges another amount, and a read."""
    process, customer = ledger.timeline.process(), f"p{number}"
    yield from ledger.call(number, process, "balances", lambda: dict(ledger.balances))

    def serve() -> str:
        ledger.charge(customer, amount)
        ledger.balances["shop"] -= lost
        return answer

    yield from ledger.call(number, process, "order", serve, value=ledger.order(customer, 10))
    yield from ledger.call(number, process, "balances", lambda: dict(ledger.balances))


class Effects(Served):
    """Requests with ids: a retry carries the same one, and has no further effect."""

    levels: ClassVar[Mapping[str, tuple[str, ...]]] = {"exactly-once": ("exactly-once",)}

    def __init__(self, level: str, timeline: Timeline, keys: int, faults: int) -> None:
        super().__init__(level, timeline, keys, faults)
        self.done: list[str] = []

    def client(self, lost: float) -> Iterator[None]:
        """Requests, sent again until they are answered, and reads of what took effect."""
        process = self.timeline.process()
        again: str | None = None
        while self.timeline.begin():
            if again is None and self.stream.chance(0.3):
                yield from self.calling(process, 0.0, "effects", lambda: list(self.done))
                continue
            name = again or f"r{self.fresh()}"
            yield from self.calling(process, lost, "request", partial(self._serve, name), value=name)
            again = name if self.gone else None
            process = self.timeline.process() if self.gone else process

    def _serve(self, name: str) -> None:
        if name not in self.done:
            self.done.append(name)

    def closing(self) -> Iterator[None]:
        """One more read."""
        yield from self.calling(self.timeline.process(), 0.0, "effects", lambda: list(self.done))


def effect(service: Effects, number: int, *, times: int, kind: str = "ok") -> Iterator[None]:
    """A request that takes effect any number of times, and a read."""
    process, name = service.timeline.process(), f"p{number}"
    operation = service.planned(number, process, "request", None, name)
    yield
    service.done += [name] * times
    yield
    service.timeline.complete(operation, "ok" if kind == "ok" else "fail")
    yield
    yield from service.call(number, process, "effects", lambda: list(service.done))


def ghost(service: Effects, number: int) -> Iterator[None]:
    """A read shows an effect that nobody asked for."""
    yield from service.call(number, service.timeline.process(), "effects", lambda: [*service.done, f"ghost{number}"])


def undone(service: Effects, number: int) -> Iterator[None]:
    """An effect is seen, and gone again."""
    yield from effect(service, number, times=1)
    service.done.remove(f"p{number}")
    yield from service.call(number, service.timeline.process(), "effects", lambda: list(service.done))


# --- Leases ---

_TTL_S: Final = 0.03


class Leases(Served):
    """A lease with rising tokens, and a resource that looks at them: at the largest one used, or at who holds it now."""

    levels: ClassVar[Mapping[str, tuple[str, ...]]] = {"exclusive": ("lease@exclusive",), "fenced": ("lease",)}

    def __init__(self, level: str, timeline: Timeline, keys: int, faults: int) -> None:
        super().__init__(level, timeline, keys, faults)
        self.token = 0
        self.until_s = 0.0
        self.used = 0

    def client(self, lost: float) -> Iterator[None]:
        """Acquires, then writes and renews for a while, also when the lease may be over, and often releases."""
        process = self.timeline.process()
        mine: int | None = None
        while self.timeline.begin():
            if mine is None:
                yield from self.calling(process, lost, "acquire", self._acquire, value={"ttl_s": _TTL_S})
                mine = self.answer if isinstance(self.answer, int) else None
            else:
                f = self.stream.choice(("write", "write", "renew", "release"))
                yield from self.calling(process, lost, f, partial(self._use, f, mine), value=mine)
                if f == "release" or self.answer is NOTHING:
                    mine = None
            if self.gone:
                process, mine = self.timeline.process(), None

    def _acquire(self) -> int:
        if self.timeline.now_s < self.until_s:
            raise Refused
        self.token, self.until_s = self.token + 1, self.timeline.now_s + _TTL_S
        return self.token

    def _use(self, f: str, token: int) -> None:
        holds = token == self.token and self.timeline.now_s < self.until_s
        if f == "write":
            if token < self.used or (self.level == "exclusive" and not holds):
                raise Refused
            self.used = token
        elif not holds:
            raise Refused
        else:
            self.until_s = self.timeline.now_s + (_TTL_S if f == "renew" else 0)


def leased(service: Leases, number: int, script: str) -> Iterator[None]:
    """`0+1` process 0 acquires for ever and gets token 1, `0-1` releases it, `0=1` writes with it; on a lease of its own."""
    processes = {letter: service.timeline.process() for letter in sorted({step[0] for step in script.split()})}
    for step in script.split():
        token, acquires = int(step[2:]), step[1] == "+"
        f = {"+": "acquire", "-": "release", "=": "write"}[step[1]]
        operation = service.planned(number, processes[step[0]], f, f"p{number}", None if acquires else token)
        yield
        service.timeline.complete(operation, "ok", token if acquires else None)
        yield
