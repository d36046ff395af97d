"""Two-phase commit, unfinished: see README.md. It runs, and now and then half of a transaction happens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from windtunnel.base.outbox import Outbox

VOTES_S = 1.0  # how long the coordinator waits for votes
DOUBT_S = 0.5  # how often a participant that has promised asks what came of it

# --- Messages, and records ---


@dataclass(frozen=True, slots=True)
class Prepare:
    """Coordinator to participant: can you commit `txn`?"""

    txn: str


@dataclass(frozen=True, slots=True)
class Vote:
    """Participant to coordinator. A yes is a promise to wait for the outcome; said again, it asks for it."""

    txn: str
    yes: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Coordinator to participant: the decision. Also a record, of either."""

    txn: str
    commit: bool


@dataclass(frozen=True, slots=True)
class Promised:
    """Record of a participant: it has said yes."""

    txn: str


# --- The two roles ---


class Coordinator:
    """Decides."""

    def __init__(
        self,
        participants: Sequence[str],
        out: Outbox,
        records: Sequence[Outcome],
        answer: Callable[[str, bool], None],
    ) -> None:
        self.participants = participants
        self.out = out
        self.answer = answer

    def on_start(self) -> None:
        pass

    def begin(self, txn: str) -> None:
        for participant in self.participants:
            self.out.send(participant, Prepare(txn))

    def on_timer(self, txn: str) -> None:
        pass

    def on_message(self, src: str, vote: Vote) -> None:
        self._decide(vote.txn, commit=vote.yes)  # the first one that answers decides. Does it?

    def _decide(self, txn: str, *, commit: bool) -> None:
        for participant in self.participants:
            self.out.send(participant, Outcome(txn, commit))
        self.answer(txn, commit)


class Participant:
    """Holds data. phases: "prepared", "committed" or "aborted", by transaction."""

    def __init__(
        self,
        coordinator: str,
        out: Outbox,
        records: Sequence[Promised | Outcome],
        willing: Callable[[str], bool],
    ) -> None:
        self.coordinator = coordinator
        self.out = out
        self.willing = willing
        self.phases: dict[str, str] = {}

    def on_start(self) -> None:
        pass

    def on_timer(self, txn: str) -> None:
        pass

    def on_message(self, src: str, message: Prepare | Outcome) -> None:
        match message:
            case Prepare(txn):
                yes = self.willing(txn)
                self.phases[txn] = "prepared" if yes else "aborted"
                self.out.send(self.coordinator, Vote(txn, yes))
            case Outcome(txn, commit):
                self.phases[txn] = "committed" if commit else "aborted"
