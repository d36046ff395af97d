"""One node of a live world, as seen by the world: what is a surprise and what is not."""

import asyncio

import pytest

from windtunnel.live.member import Member


@pytest.mark.parametrize("answer", [{"refused": "a record is damaged"}, {"taken": 1}, {"wrong": "no such system"}])
def test_the_end_of_a_process_that_refused_to_boot_is_no_failure(tmp_path, answer):
    """Its last line and its end may be noticed together, before whoever waits for the boot runs again."""

    async def main():
        failures = []
        member = Member("n1", tmp_path, failed=lambda *what: failures.append(what), now=lambda: 0.0)
        member._booted = asyncio.get_running_loop().create_future()
        member._on_line(answer)
        member._on_end(0)
        assert failures == []

    asyncio.run(main())


def test_the_end_of_a_process_that_served_is_a_failure(tmp_path):
    """A node that boots and then ends by itself is a finding."""

    async def main():
        failures = []
        member = Member("n1", tmp_path, failed=lambda *what: failures.append(what), now=lambda: 0.0)
        member._booted = asyncio.get_running_loop().create_future()
        member._on_line({"ready": 1})
        member._on_end(0)
        assert [what[2] for what in failures] == ["the process ended with status 0"]

    asyncio.run(main())
