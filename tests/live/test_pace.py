import asyncio
import sys

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.live.pace import loop_factory


def test_loops_by_name(monkeypatch):
    """The fast loop is taken where it is installed, asked for by name, or said to be missing."""
    assert loop_factory("asyncio") is asyncio.new_event_loop
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory("auto") is asyncio.new_event_loop
    with pytest.raises(UsageError, match="uvloop is not installed"):
        loop_factory("uvloop")


@pytest.mark.parametrize("name", ["asyncio", "auto"])
def test_a_paced_loop_counts_in_the_nodes_seconds(name):
    """On a loop a thousand times as fast, sleeps, timeouts and timers of many seconds are over in a moment."""

    async def main():
        loop = asyncio.get_running_loop()
        loop.rate = 1000.0
        began = loop.time()
        await asyncio.sleep(60.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60.0):
                await asyncio.Event().wait()
        fired = asyncio.Event()
        loop.call_at(loop.time() + 60.0, fired.set)
        await fired.wait()
        assert 0.15 < loop.time() - began < 59.0

    with asyncio.Runner(loop_factory=loop_factory(name, paced=True)) as runner:
        runner.run(main())
