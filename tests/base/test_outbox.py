"""The recording outbox."""

import pytest

from windtunnel.base.outbox import Apply, CancelTimer, Checkpoint, Persist, RecordingOutbox, Reply, Send, SetTimer


def test_effects_are_recorded_in_order():
    """Every effect is kept, in the order of the calls, until it is taken."""
    out = RecordingOutbox(now_s=3.0, draws=[0.25])
    out.persist("r")
    out.send("b", "m")
    out.set_timer("t", (1.0, 2.0))
    out.cancel_timer("t")
    out.checkpoint(["s"])
    out.apply(1, "c")
    out.reply("client", "done")
    assert out.take() == [
        Persist("r"),
        Send("b", "m"),
        SetTimer("t", (1.0, 2.0)),
        CancelTimer("t"),
        Checkpoint(("s",)),
        Apply(1, "c"),
        Reply("client", "done"),
    ]
    assert out.take() == []
    assert out.clock() == 3.0


def test_dice_are_scripted():
    """Draws come from the script, and its end is an error, not a guess."""
    out = RecordingOutbox(draws=[0.25])
    assert out.random() == 0.25
    with pytest.raises(IndexError):
        out.random()
