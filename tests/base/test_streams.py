"""Streams of randomness: the reference sequence, independence, and the shapes drawn from it."""

from collections import Counter

import pytest

from windtunnel.base.streams import Stream, stream_state


def reference(state, count):
    """xoshiro256++ 1.0 as its authors wrote it, in the plainest Python."""
    s = list(state)
    mask = (1 << 64) - 1

    def rotl(x, k):
        return ((x << k) | (x >> (64 - k))) & mask

    for _ in range(count):
        yield (rotl((s[0] + s[3]) & mask, 23) + s[0]) & mask
        t = (s[1] << 17) & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)


def test_published_first_outputs():
    """From the state 1, 2, 3, 4 the generator gives the outputs published with other implementations."""
    expected = [41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205]
    assert list(reference((1, 2, 3, 4), 5)) == expected


@pytest.mark.parametrize(("seed", "name"), [(0, ""), (7, "network"), (2**63 - 1, "disk/n1")])
def test_draws_follow_the_reference(seed, name):
    """`random()` is the top 53 bits of the reference output, for any seed and name."""
    stream = Stream(seed, name)
    for raw in reference(stream_state(seed, name), 1000):
        assert stream.random() == (raw >> 11) / 2**53


def test_streams_of_one_seed_are_different():
    """Another name, or another seed, is another sequence."""
    starts = {Stream(seed, name).random() for seed in (1, 2) for name in ("a", "b", "c")}
    assert len(starts) == 6


def test_uniform_fills_its_range():
    """Draws stay inside the range and reach every tenth of it."""
    stream = Stream(1, "u")
    draws = [stream.uniform(2.0, 3.0) for _ in range(2000)]
    assert all(2.0 <= x < 3.0 for x in draws)
    tenths = Counter(int(10 * (x - 2)) for x in draws)
    # 10 cells of 200 expected: chi-square with 9 degrees of freedom is below 27.88 with probability 0.999.
    assert sum((tenths[i] - 200) ** 2 / 200 for i in range(10)) < 27.88


def test_exponential_has_its_mean():
    """The mean of 20,000 draws is within four standard errors of the parameter."""
    stream = Stream(1, "e")
    n, mean = 20_000, 0.25
    average = sum(stream.exponential(mean) for _ in range(n)) / n
    assert abs(average - mean) < 4 * mean / n**0.5


def test_shuffle_and_sample_are_permutations():
    """Nothing is lost or doubled, and different draws give different orders."""
    stream = Stream(1, "s")
    items = list(range(20))
    orders = set()
    for _ in range(20):
        shuffled = list(items)
        stream.shuffle(shuffled)
        assert sorted(shuffled) == items
        orders.add(tuple(shuffled))
    assert len(orders) == 20
    assert len(set(stream.sample(items, 5))) == 5


def test_chance_always_draws():
    """A probability of 0 or 1 consumes a draw too: streams must not depend on parameters."""
    a, b = Stream(3, "c"), Stream(3, "c")
    assert not a.chance(0.0)
    assert b.chance(1.0)
    assert a.random() == b.random()


def test_choice_and_below_reach_everything():
    """Every item can be chosen."""
    stream = Stream(5, "x")
    assert {stream.choice("abc") for _ in range(100)} == set("abc")
    assert {stream.below(4) for _ in range(200)} == {0, 1, 2, 3}
