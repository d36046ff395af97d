"""Retries that help the caller without hurting the service: backoff, jitter, a budget."""

import asyncio
import random


class Budget:
    """What all callers of one service may spend on retries: each call pays in `ratio`, each retry costs 1."""

    def __init__(self, ratio=0.1, reserve=10.0):
        self.ratio = ratio
        self.reserve = reserve
        self._balance = reserve

    def deposit(self):
        self._balance = min(self.reserve, self._balance + self.ratio)

    def withdraw(self):
        if self._balance < 1.0:
            return False
        self._balance -= 1.0
        return True


async def retry(operation, *, attempts_max=4, base_s=0.1, cap_s=5.0, budget=None):
    if budget is not None:
        budget.deposit()
    attempt = 1
    while True:
        try:
            return await operation()
        except Exception:
            if attempt == attempts_max or (budget is not None and not budget.withdraw()):
                raise
        await asyncio.sleep(random.uniform(0.0, min(cap_s, base_s * 2 ** (attempt - 1))))
        attempt += 1
