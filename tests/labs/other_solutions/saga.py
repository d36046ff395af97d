"""Another saga: it goes forward when it can (steps are tried again, recovery completes), and writes its whole state each time."""

import asyncio
import random


class Refused(Exception):
    pass


class Participant:
    def __init__(self, amount):
        self.available = amount
        self.done, self.closed = {}, set()

    def do(self, saga, amount):
        if saga in self.closed:
            raise Refused("closed")
        if saga in self.done:
            return
        if amount > self.available:
            self.closed.add(saga)
            raise Refused("not enough")
        self.done[saga] = amount
        self.available -= amount

    def undo(self, saga):
        self.closed.add(saga)
        self.available += self.done.pop(saga, 0)


async def run(saga, steps, journal):
    return await drive(saga, steps, journal, {"at": 0, "back": False})


async def recover(journal, steps_of):
    states = {record["saga"]: record for record in journal.records()}
    open_ones = {saga: state for saga, state in states.items() if not state.get("outcome")}
    await asyncio.gather(*(drive(saga, steps_of(saga), journal, dict(state)) for saga, state in open_ones.items()))


async def drive(saga, steps, journal, state):
    while not state.get("outcome"):
        await journal.append({"saga": saga, **state})
        at, back = state["at"], state["back"]
        if back:
            await until_done(steps[at].undo)
            state = {"at": at - 1, "back": True} if at else {"outcome": "cancelled"}
        elif at == len(steps):
            state = {"outcome": "completed"}
        else:
            try:
                await until_done(steps[at].do, attempts=3)
                state = {"at": at + 1, "back": False}
            except (Refused, OSError):
                state = {"at": at, "back": True}
    await journal.append({"saga": saga, **state})
    return state["outcome"]


async def until_done(action, attempts=None):
    pause = 0.1
    while True:
        try:
            return await action()
        except OSError:
            attempts = attempts and attempts - 1
            if attempts == 0:
                raise
        await asyncio.sleep(pause * (0.5 + random.random()))
        pause = min(pause * 2, 5.0)
