"""The protocol's reader takes every request however it is cut, and never fails but with a ProtocolError."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.batteries.resp import (
    NULL_ARRAY,
    Error,
    Members,
    ProtocolError,
    Push,
    Requests,
    number,
    reply,
    request,
    split_words,
)

arguments = st.lists(st.binary(max_size=30), min_size=1, max_size=6)


PIECES = [b"*1\r\n", b"$3\r\n", b"abc\r\n", b"*-1\r\n", b'"a', b"\r\n"]


def drained(requests):
    found = []
    while (got := requests.next()) is not None:
        found.append(got)
    return found


@given(sent=st.lists(arguments, max_size=6), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_requests_survive_any_cut(sent, cuts):
    """What was sent arrives, in order, whatever pieces it comes in; nothing is left over."""
    data = b"".join(request(*one) for one in sent)
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    requests, got = Requests(), []
    for low, high in itertools.pairwise(edges):
        requests.feed(data[low:high])
        got += drained(requests)
    assert got == sent
    assert requests.pending == 0


@given(
    pieces=st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from([b"*1\r\n", b"$3\r\n", b"abc\r\n", b"*-1\r\n", b'"a', b"\r\n"]))
    )
)
def test_noise_is_a_protocol_error_or_nothing(pieces):
    """Whatever comes: requests of bytes, more to wait for, or ProtocolError."""
    requests = Requests()
    found = []
    with contextlib.suppress(ProtocolError):
        for piece in pieces:
            requests.feed(piece)
            found += drained(requests)
    assert all(isinstance(argument, bytes) for got in found for argument in got)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"*x\r\n", "invalid multibulk length"),
        (b"*1048577\r\n", "invalid multibulk length"),
        (b"*1\r\n!3\r\n", "expected '$', got '!'"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$9999999999\r\n", "invalid bulk length"),
        (b"*1\r\n$" + b"1" * 70000, "too big bulk count string"),
        (b"x" * 70000, "too big inline request"),
        (b"*" + b"1" * 70000, "too big mbulk count string"),
        (b'set "a\r\n', "unbalanced quotes in request"),
        (b"set 'a'b\r\n", "unbalanced quotes in request"),
    ],
)
def test_errors_have_the_words_of_redis(data, message):
    """Each way to be wrong is named as redis-server names it."""
    requests = Requests()
    requests.feed(data)
    with pytest.raises(ProtocolError, match=message.replace("$", r"\$")):
        drained(requests)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"set a 1", [b"set", b"a", b"1"]),
        (b"  set\ta  ", [b"set", b"a"]),
        (b'set "a b" "\\x41\\n\\""', [b"set", b"a b", b'A\n"']),
        (b"set 'a\\'b\\n'", [b"set", b"a'b\\n"]),
        (b'""', [b""]),
        (b"", []),
    ],
)
def test_typed_lines(line, words):
    """Inline requests, with quotes as redis-cli has them."""
    assert split_words(line) == words
    requests = Requests()
    requests.feed(b"\r\n" + line + b"\n*0\r\nPING\r\n")
    assert drained(requests) == [*([words] if words else []), [b"PING"]]


def test_a_large_argument_is_not_read_again_for_each_piece():
    """A value of a megabyte in small pieces takes one pass."""
    requests = Requests()
    requests.feed(b"*2\r\n$3\r\nSET\r\n$1000000\r\n")
    for _ in range(1000):
        assert requests.next() is None
        requests.feed(b"x" * 1000)
    requests.feed(b"\r\n")
    assert len(requests.next()[1]) == 1_000_000


@pytest.mark.parametrize(
    ("value", "two", "three"),
    [
        (b"a", b"$1\r\na\r\n", None),
        ("OK", b"+OK\r\n", None),
        (3, b":3\r\n", None),
        (None, b"$-1\r\n", b"_\r\n"),
        (NULL_ARRAY, b"*-1\r\n", b"_\r\n"),
        (True, b":1\r\n", b"#t\r\n"),
        (1.5, b"$3\r\n1.5\r\n", b",1.5\r\n"),
        ([1, [b"a"]], b"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", None),
        ({b"a": 1}, b"*2\r\n$1\r\na\r\n:1\r\n", b"%1\r\n$1\r\na\r\n:1\r\n"),
        (Members([b"a"]), b"*1\r\n$1\r\na\r\n", b"~1\r\n$1\r\na\r\n"),
        (Push([b"a"]), b"*1\r\n$1\r\na\r\n", b">1\r\n$1\r\na\r\n"),
        (Error("ERR a\r\nb"), b"-ERR a b\r\n", None),
    ],
)
def test_replies(value, two, three):
    """Each type of reply in both versions."""
    assert reply(value, 2) == two
    assert reply(value, 3) == (two if three is None else three)


@given(st.floats(allow_nan=False))
def test_numbers_read_back(value):
    """A score comes back as the same double."""
    assert float(number(value)) == value


def test_numbers_are_short():
    """Whole numbers have no point; infinities have names."""
    texts = [number(value) for value in (3.0, 0.1, -0.0, float("inf"), float("-inf"), float("nan"), 1e20)]
    assert texts == [b"3", b"0.1", b"0", b"inf", b"-inf", b"nan", b"1e+20"]
