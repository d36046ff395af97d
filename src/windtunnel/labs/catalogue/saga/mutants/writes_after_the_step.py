"""A saga: steps at several services that are all done, or compensated as if they had never been."""

import asyncio


class Refused(Exception):
    """The step is not done, and never will be."""


# --- A service ---


class Participant:
    """One service's side: it takes amounts from what is available, and gives them back."""

    def __init__(self, amount):
        self.available = amount
        self._taken = {}  # by saga: the amount; None for one that gets nothing any more

    def do(self, saga, amount):
        if saga not in self._taken:
            self._taken[saga] = None
            if amount <= self.available:
                self._taken[saga] = amount
                self.available -= amount
        if self._taken[saga] is None:
            raise Refused(saga)

    def undo(self, saga):
        self.available += self._taken.get(saga) or 0
        self._taken[saga] = None  # also if the step has not come yet: it may be on its way


# --- The orchestrator ---


async def run(saga, steps, journal):
    for i, step in enumerate(steps):
        try:
            await step.do()
            await journal.append({"saga": saga, "begun": i})
        except (Refused, OSError):  # not done, or nobody knows
            return await _cancel(saga, steps[: i + 1], journal)
    return await _end(saga, "completed", journal)


async def recover(journal, steps_of):
    begun = {}
    for record in journal.records():
        if "ended" in record:
            begun.pop(record["saga"], None)
        else:
            begun[record["saga"]] = record["begun"]
    await asyncio.gather(*(_cancel(saga, steps_of(saga)[: i + 1], journal) for saga, i in begun.items()))


async def _cancel(saga, steps, journal):
    for step in reversed(steps):
        await _undo(step)
    return await _end(saga, "cancelled", journal)


async def _undo(step):
    while True:
        try:
            return await step.undo()
        except OSError:
            await asyncio.sleep(0.2)  # there is no other way out than through it


async def _end(saga, outcome, journal):
    await journal.append({"saga": saga, "ended": outcome})
    return outcome
