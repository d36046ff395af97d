from itertools import pairwise

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Op
from windtunnel.base.streams import Stream
from windtunnel.traffic import INTERFACES, read_mix, workload


def draw(interface, count=2000, **options):
    operation, stream = workload(interface, **options).source(), Stream(11, "workload")
    return [operation(stream) for _ in range(count)]


@pytest.mark.parametrize("interface", sorted(INTERFACES))
def test_the_default_mix_is_what_is_drawn(interface):
    """Every operation of the default mix comes with its share, within 5 percentage points of 20,000 draws, spells or not."""
    mix = INTERFACES[interface].mix
    names = [op.value if interface == "txn" else op.f for op in draw(interface, 20_000)]
    for name, share in mix.items():
        assert abs(names.count(name) / len(names) - share) < 0.05


@pytest.mark.parametrize("interface", sorted(INTERFACES))
def test_same_stream_same_operations(interface):
    """A workload has no randomness of its own."""
    assert draw(interface) == draw(interface)


def test_clients_read_in_spells_of_their_own():
    """While one client only reads, another updates: runs of reads are some twenty long, and two sources are not in step."""
    load, stream = workload("kv"), Stream(4, "workload")
    sources = [load.source(), load.source()]
    reading = [[source(stream).f == "read" for source in sources] for _ in range(4000)]
    changes = sum(a[0] != b[0] for a, b in pairwise(reading))
    assert 120 < changes < 280  # 4000 * 2 * 0.1 * 0.5 * 0.5 = 200 expected
    assert 1000 < sum(a != b for a, b in reading) < 3000


def test_written_values_are_unique():
    """A read of kv identifies the write it saw, whichever client wrote it."""
    load, stream = workload("kv"), Stream(11, "workload")
    sources = [load.source(), load.source()]
    ops = [source(stream) for _ in range(1000) for source in sources]
    written = [op.value[1] if op.f == "cas" else op.value for op in ops if op.f != "read"]
    assert len(set(written)) == len(written)


def test_a_cas_expects_what_was_last_written():
    """In a quiet system with one client every compare-and-set succeeds."""
    state = {}
    for op in draw("kv"):
        if op.f == "write":
            state[op.key] = op.value
        elif op.f == "append":
            state[op.key] = (state.get(op.key) or "") + op.value
        elif op.f == "cas":
            assert op.value[0] == state.get(op.key)
            state[op.key] = op.value[1]


def test_keys_follow_the_choice():
    """`keys` bounds the key space; a Zipf exponent makes the first key the hottest."""
    ops = draw("kv", keys=4, zipf=1.2)
    counts = [sum(op.key == f"k{i}" for op in ops) for i in range(4)]
    assert sum(counts) == len(ops)
    assert counts == sorted(counts, reverse=True)


def test_a_mix_replaces_the_default():
    """Operations without a weight are not asked for."""
    assert {op.f for op in draw("kv", mix={"read": 1, "cas": 1})} == {"read", "cas"}
    assert {op.f for op in draw("kv", mix={"append": 2})} == {"append"}


def test_broadcast_values_are_unique_and_replicas_are_read_at_the_end():
    """Broadcast numbers never repeat; the closing operation is a read."""
    sent = [op.value for op in draw("broadcast") if op.f == "broadcast"]
    assert sent == list(range(1, len(sent) + 1))
    assert workload("broadcast").closing == Op("read")


@pytest.mark.parametrize(
    ("interface", "mix", "says"),
    [
        ("kw", None, "did you mean kv"),
        ("kv", {"reed": 1}, "did you mean read"),
        ("kv", {"read": 0}, "above 0"),
        ("kv", {"read": -1}, "at least 0"),
        ("kv", {"read": float("nan")}, "at least 0"),
    ],
)
def test_unknown_names_and_weights_are_refused(interface, mix, says):
    """The message says what exists or suggests the near name."""
    with pytest.raises(UsageError, match=says):
        workload(interface, mix=mix)


def test_a_mix_is_read_from_text():
    """`read=5,write=3` as people type it; anything else is refused with the form."""
    assert read_mix("read=5, write=3") == {"read": 5.0, "write": 3.0}
    for text in ("read", "read=", "read=x", ""):
        with pytest.raises(UsageError, match="read=5,write=3"):
            read_mix(text)
