"""The simulated services that histories are made of, with their faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from windtunnel.generators import accounts, replication
from windtunnel.generators.service import Flaw


def _flaws(keeps: str, breaks: str, **acts: tuple[str, Callable[[Any, int], Iterator[None]]]) -> tuple[Flaw, ...]:
    kept, broken = tuple(keeps.split()), tuple(breaks.split())
    return tuple(Flaw(name.replace("_", "-"), doc, act, kept, broken) for name, (doc, act) in acts.items())


@dataclass(frozen=True, slots=True)
class Kind:
    """A service and its faults."""

    service: type[
        accounts.Bank | accounts.Ledger | accounts.Effects | accounts.Leases | replication.Broadcast | replication.Replicas
    ]
    flaws: tuple[Flaw, ...]


SERVICES: Final[Mapping[str, Kind]] = {
    "bank": Kind(
        accounts.Bank,
        _flaws(
            "",
            "bank",
            partial_transfer=("a read shows a transfer half done", accounts.partial_transfer),
            lost_account=("a read lacks an account", accounts.lost_account),
            overdraft=("a transfer takes more than there is", accounts.overdraft),
        ),
    ),
    "ledger": Kind(
        accounts.Ledger,
        _flaws(
            "",
            "ledger",
            double_charge=("a completed order is charged twice", partial(accounts.charging, answer="completed", amount=20)),
            cancelled_charge=("a cancelled order is charged", partial(accounts.charging, answer="cancelled", amount=10)),
            lost_money=(
                "the customer pays, and the shop gets less",
                partial(accounts.charging, answer="completed", amount=10, lost=3),
            ),
        ),
    ),
    "exactly-once": Kind(
        accounts.Effects,
        _flaws(
            "",
            "exactly-once",
            repeated=("a request takes effect twice", partial(accounts.effect, times=2)),
            lost=("an acknowledged request takes no effect", partial(accounts.effect, times=0)),
            refused=("a refused request takes effect", partial(accounts.effect, times=1, kind="fail")),
            phantom=("an effect that nobody asked for", accounts.ghost),
            undone=("an effect is gone again", accounts.undone),
        ),
    ),
    "lease": Kind(
        accounts.Leases,
        (
            *_flaws(
                "",
                "lease",
                duplicate_token=("two grants have the same token", partial(accounts.leased, script="0+1 0-1 1+1")),
                falling_token=("a grant has a smaller token than the one before", partial(accounts.leased, script="0+2 0-2 1+1")),
                two_holders=("a lease is granted while somebody else has it", partial(accounts.leased, script="0+1 1+2")),
                stale_write=(
                    "a write is accepted after one with a larger token",
                    partial(accounts.leased, script="0+1 0-1 1+2 1=2 0=1"),
                ),
                unknown_token=("a write is accepted with a token that nobody has", partial(accounts.leased, script="0=7")),
            ),
            *_flaws(
                "lease",
                "lease@exclusive",
                late_write=("a write is accepted whose lease had ended", partial(accounts.leased, script="0+1 0-1 0=1")),
            ),
        ),
    ),
    "causal-broadcast": Kind(
        replication.Broadcast,
        (
            *_flaws(
                "",
                "fifo-broadcast",
                reordered=(
                    "two messages of one sender are delivered in the other order",
                    partial(replication.told, script="0!a 0!b 1?b 1?a"),
                ),
                passed_over=(
                    "a message is delivered without the one that its sender sent before",
                    partial(replication.told, script="0!a 0!b 1?b"),
                ),
            ),
            *_flaws(
                "fifo-broadcast",
                "causal-broadcast",
                answer_first=("an answer is delivered without its question", partial(replication.told, script="0!a 1?a 1!b 2?b")),
            ),
            *_flaws(
                "causal-broadcast",
                "total-order-broadcast",
                two_orders=(
                    "two processes deliver two messages in opposite orders",
                    partial(replication.told, script="0!a 1!b 2?a 2?b 3?b 3?a"),
                ),
            ),
            *_flaws(
                "",
                "fifo-broadcast total-order-broadcast",
                duplicate=("a message is delivered twice", partial(replication.told, script="0!a 1?a 1?a")),
                phantom=("a message is delivered that nobody sent", partial(replication.told, script="0!a 1?a 1?z")),
            ),
        ),
    ),
    "convergence": Kind(
        replication.Replicas,
        _flaws(
            "",
            "convergence",
            diverged=("two replicas that delivered the same are in different states", replication.diverged),
            regressed=("a replica no longer has an update that it had", replication.regressed),
            lost_update=("an acknowledged update reaches nobody", replication.lost),
            repeated=("a replica delivers an update twice", replication.repeated),
        ),
    ),
}
"""By interface; each is also a ladder of checkers.ladder."""
