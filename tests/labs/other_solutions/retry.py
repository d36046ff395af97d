"""Another retry: recursive, with a generator of waits; the budget counts in whole hundredths."""

import asyncio
import random


class Budget:
    def __init__(self, ratio=0.1, reserve=10.0):
        self.step, self.most = round(ratio * 1000), round(reserve * 1000)
        self.left = self.most

    def deposit(self):
        self.left += min(self.step, self.most - self.left)

    def withdraw(self):
        enough = self.left >= 1000
        self.left -= 1000 * enough
        return enough


def waits(base_s, cap_s):
    bound = base_s
    while True:
        yield random.random() * min(bound, cap_s)
        bound *= 2


async def retry(operation, *, attempts_max=4, base_s=0.1, cap_s=5.0, budget=None):
    if budget:
        budget.deposit()
    return await again(operation, attempts_max - 1, waits(base_s, cap_s), budget)


async def again(operation, left, pauses, budget):
    try:
        return await operation()
    except OSError:
        if left <= 0:
            raise
        if budget is not None and not budget.withdraw():
            raise
        await asyncio.sleep(next(pauses))
    return await again(operation, left - 1, pauses, budget)
