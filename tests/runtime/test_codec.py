import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import Message
from windtunnel.runtime.codec import VERSION, BadFrame, Codec, Frames, Splitter
from windtunnel.runtime.rpc import Answer, Call


class Entry(Message, frozen=True):
    """A nested value of the tests."""

    term: int
    command: Request | None


class Append(Message, frozen=True):
    """A message of the tests, with typed tuples."""

    term: int
    entries: tuple[Entry, ...]
    pair: tuple[int, str] = (0, "")
    extra: Any = None


FUZZ = settings(deadline=None, max_examples=100)
CODEC = Codec((Append, Entry))

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
requests = st.builds(Request, st.text(max_size=8), st.integers(0, 2**60), st.builds(Op, st.text(max_size=5), values, values))
entries = st.builds(Entry, st.integers(0, 2**40), st.none() | requests)
appends = st.builds(
    Append,
    st.integers(0, 2**40),
    st.lists(entries, max_size=4).map(tuple),
    st.tuples(st.integers(0, 9), st.text(max_size=3)),
    values,
)
replies = st.builds(Reply, st.text(max_size=8), st.integers(0, 99), st.sampled_from(["ok", "fail", "redirect"]), values)
plain = appends | requests | replies
bodies = plain | st.none() | st.booleans() | st.integers(0, 99) | st.text(max_size=5)
messages = (
    plain | st.builds(Call, st.integers(0, 2**40), bodies) | st.builds(Answer, st.integers(0, 2**40), bodies, st.booleans())
)


@FUZZ
@given(st.lists(st.tuples(st.text(max_size=4), messages), max_size=5), st.lists(st.integers(0, 400), max_size=6))
def test_what_is_sent_comes_back_however_the_stream_is_cut(sent, cuts):
    """Typed fields come back equal, and frame boundaries do not depend on how bytes arrive."""
    stream = b"".join(CODEC.encode(src, message) for src, message in sent)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    frames, splitter = Frames(CODEC), Splitter()
    assert [one for piece in pieces for one in frames.feed(piece)] == sent
    split = [frame for piece in pieces for frame in splitter.feed(piece)]
    assert split == [CODEC.encode(src, message) for src, message in sent]


@FUZZ
@given(st.lists(st.tuples(st.just("n1"), messages), min_size=1, max_size=3), st.data())
def test_damaged_bytes_are_refused_or_decode_to_messages(sent, data):
    """Whatever arrives, the decoder returns declared messages or raises BadFrame; nothing else escapes."""
    stream = bytearray(b"".join(CODEC.encode(src, message) for src, message in sent))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = Frames(CODEC).feed(bytes(stream))
    except BadFrame:
        return
    assert all(isinstance(message, (Append, Entry, Request, Reply, Call, Answer)) for _src, message in found)


@FUZZ
@given(st.binary(max_size=200))
def test_noise_does_not_escape(noise):
    """Random bytes behind a valid header are refused as BadFrame."""
    body = len(noise).to_bytes(4, "big") + bytes([VERSION]) + noise
    with pytest.raises(BadFrame):
        Frames(CODEC).feed(body)


def test_any_fields_hold_plain_values():
    """The documented loss: in a field typed Any a tuple comes back as a list."""
    [(_, back)] = Frames(CODEC).feed(CODEC.encode("n1", Append(1, (), extra=(1, 2))))
    assert back.extra == [1, 2]


def test_another_version_is_named():
    """A peer of another release gets a clear error, not garbage."""
    frame = bytearray(CODEC.encode("n1", Append(1, ())))
    frame[4] = 9
    with pytest.raises(BadFrame, match="wire version 9, expected 1"):
        Frames(CODEC).feed(bytes(frame))


def test_a_frame_too_long_is_refused_at_its_header():
    """A length beyond the limit is refused before its bytes are waited for."""
    with pytest.raises(BadFrame, match="the limit is 16777216"):
        Frames(CODEC).feed(b"\xff\xff\xff\xff\x01")
    with pytest.raises(BadFrame, match="the limit is 10"):
        Splitter(10).feed(b"\x00\x00\x00\x0b\x01")


def test_a_message_too_long_is_refused_at_the_sender():
    """The sender learns that its message does not fit, with its name and size."""
    small = Codec((Append,), limit_bytes=50)
    with pytest.raises(UsageError, match=r"a Append of .* bytes; a frame holds at most 50"):
        small.encode("n1", Append(1, (), extra="x" * 60))


def test_undeclared_messages_are_refused_at_the_sender():
    """A message that the receiver could not decode never leaves."""

    class Forgotten(Message, frozen=True):
        """Not among the codec's types."""

    with pytest.raises(UsageError, match="Forgotten is not declared"):
        CODEC.encode("n1", Forgotten())


def test_two_types_of_one_name_are_refused():
    """Names travel, so they must be unique; the error names both modules."""

    class Request(Message, frozen=True):
        """Has the name of a client's request."""

    class Call(Message, frozen=True):
        """Has the name of an envelope."""

    with pytest.raises(UsageError, match="two message types are named 'Request'"):
        Codec((Request,))
    with pytest.raises(UsageError, match="two message types are named 'Call'"):
        Codec((Call,))


def test_deep_nesting_is_refused():
    """A body that would exhaust the stack is a bad frame, not a crash."""
    body = b"\x92\xa2n1" + b"\x91" * 200_000
    with pytest.raises(BadFrame):
        Frames(CODEC).feed(len(body).to_bytes(4, "big") + bytes([VERSION]) + body)


def test_a_long_frame_in_small_pieces():
    """A frame of megabytes arrives whole although it comes in many reads."""
    frame = CODEC.encode("n1", Append(1, (), extra="x" * 3_000_000))
    frames = Frames(CODEC)
    found = [one for at in range(0, len(frame), 4096) for one in frames.feed(frame[at : at + 4096])]
    assert len(found) == 1
    assert found[0][1].extra == "x" * 3_000_000
