"""Retries as one writes them first. They do help a caller whose packet was lost."""

import asyncio


class Budget:
    """What all callers of one service may spend on retries: each call pays in `ratio`, each retry costs 1."""

    def __init__(self, ratio=0.1, reserve=10.0):
        self.ratio = ratio
        self.reserve = reserve

    def deposit(self):
        """A call has begun."""

    def withdraw(self):
        """Whether a retry may be made; if so, it is paid for."""
        return True


async def retry(operation, *, attempts_max=4, base_s=0.1, cap_s=5.0, budget=None):
    """The result of `await operation()`, which is tried up to `attempts_max` times."""
    for _ in range(attempts_max - 1):
        try:
            return await operation()
        except Exception:
            await asyncio.sleep(base_s)
    return await operation()
