"""What a page hears of a job, with a clock that stands still: the newest picture at each turn, every event, once."""

import asyncio
import json

import pytest

from windtunnel.studio import stream
from windtunnel.studio.jobs import Log


class Told:
    """A job that says `frames` pictures and one event between two looks, for so many turns."""

    def __init__(self, turns, frames, *, attended=False):
        self.log, self.turns, self.frames = Log(), turns, frames
        self.attended, self.followers, self.left = attended, 0, False
        self.number = 0

    @property
    def running(self):
        return self.turns > 0

    def leave_alone(self):
        self.left = True

    def go_on(self):
        self.turns -= 1
        for _ in range(self.frames):
            self.number += 1
            self.log.add({"kind": "frame", "now": self.number})
        self.log.add({"kind": "note", "text": str(self.number)})


@pytest.fixture
def heard(monkeypatch):
    """What follows a job hears, as messages with their places."""

    def listen(job, after=0, closing=None, most=10_000):
        async def turn(seconds):
            assert seconds == pytest.approx(1 / stream.RATE_PER_S)
            job.go_on()

        async def all_of_it():
            found = []
            async for part in stream.follow(job, after, closing or asyncio.Event()):
                found += [block for block in part.decode().split("\n\n") if "data:" in block]
                if len(found) >= most:
                    break
            return found

        monkeypatch.setattr(stream.asyncio, "sleep", turn)
        blocks = asyncio.run(all_of_it())
        lines = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
        return [(int(line["id"]) if "id" in line else None, json.loads(line["data"])) for line in lines]

    return listen


def test_pictures_are_coalesced(heard):
    """Between two looks a hundred pictures are one, the newest: at most RATE_PER_S a second go out."""
    found = heard(Told(turns=8, frames=100))
    assert [message["now"] for _, message in found if message["kind"] == "frame"] == [100 * n for n in range(1, 9)]
    assert stream.RATE_PER_S <= 20


def test_events_come_once_and_in_order(heard):
    """Each has its place; from a place on, the rest comes."""
    found = heard(Told(turns=6, frames=0))
    assert [place for place, _ in found] == [1, 2, 3, 4, 5, 6]
    job = Told(turns=3, frames=2)
    for _ in range(3):
        job.go_on()
    assert [place for place, message in heard(job, after=2) if message["kind"] == "note"] == [3]


def test_a_stream_ends_with_the_server(heard):
    """When the server ends, it does not wait for the job."""
    closing = asyncio.Event()
    closing.set()
    assert heard(Told(turns=1000, frames=1), closing=closing) == []


def test_a_job_knows_who_follows(heard):
    """An attended job is told when its last page has gone; another one goes on."""
    for attended in (True, False):
        job = Told(turns=1000, frames=1, attended=attended)
        heard(job, most=3)
        assert (job.followers, job.left) == (0, attended)


@pytest.mark.parametrize(("text", "place"), [(None, 0), ("", 0), ("7", 7), ("-1", 0), ("x", 0), ("9" * 30, 0), ("²", 0)])
def test_a_place_is_a_number(text, place):
    """Nonsense in `Last-Event-ID` is the beginning."""
    assert stream.place_of(text) == place


def test_a_value_cannot_end_an_event():
    """Line ends in a text stay inside the JSON, so a stranger's value cannot begin an event of its own."""
    lines = stream.packet({"kind": "note", "text": "a\n\nevent: done\ndata: {}\n\n\u2028"}, 3).decode().split("\n")
    assert [line.partition(":")[0] for line in lines if line] == ["id", "event", "data"]
