"""A saga, as long as nothing is lost and nobody crashes."""


class Refused(Exception):
    """The step is not done, and never will be."""


# --- A service ---


class Participant:
    """One service's side: it takes amounts from what is available, and gives them back."""

    def __init__(self, amount):
        self.available = amount
        self._taken = {}

    def do(self, saga, amount):
        """Take `amount` for a saga, once. Raises Refused."""
        if amount > self.available:
            raise Refused(saga)
        self._taken[saga] = amount
        self.available -= amount

    def undo(self, saga):
        """Give back what was taken for a saga, once."""
        self.available += self._taken[saga]


# --- The orchestrator ---


async def run(saga, steps, journal):
    """Do all steps, or compensate: "completed" or "cancelled"."""
    done = []
    for step in steps:
        try:
            await step.do()
        except (Refused, OSError):
            for each in done:
                await each.undo()
            return "cancelled"
        done.append(step)
    return "completed"


async def recover(journal, steps_of):
    """After a restart: bring every saga that the journal shows as unfinished to its end. steps_of(saga): its steps."""
