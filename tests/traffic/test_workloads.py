import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Op
from windtunnel.base.streams import Stream
from windtunnel.traffic import INTERFACES, read_mix, workload


def draw(interface, count=2000, **options):
    load, stream = workload(interface, **options), Stream(11, "workload")
    return [load.next(stream) for _ in range(count)]


@pytest.mark.parametrize("interface", sorted(INTERFACES))
def test_the_default_mix_is_what_is_drawn(interface):
    """Every operation of the default mix comes with its share, within 5 percentage points of 2000 draws."""
    mix = INTERFACES[interface].mix
    names = [op.value if interface == "txn" else op.f for op in draw(interface)]
    for name, share in mix.items():
        assert abs(names.count(name) / len(names) - share) < 0.05


@pytest.mark.parametrize("interface", sorted(INTERFACES))
def test_same_stream_same_operations(interface):
    """A workload has no randomness of its own."""
    assert draw(interface) == draw(interface)


def test_written_values_are_unique():
    """A read of kv identifies the write it saw."""
    ops = draw("kv")
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
