import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import Stream
from windtunnel.traffic.keys import chooser, uniform, zipf

DRAWS = 40_000

# Upper quantiles of the chi-square distribution at significance 0.001 (Abramowitz & Stegun, table 26.8), by degrees of freedom.
CHI2_999 = {9: 27.88, 19: 43.82}


def chi_square(choose, probabilities, seed):
    """Pearson's statistic of DRAWS draws against `probabilities`."""
    stream = Stream(seed, "keys")
    counts = [0] * len(probabilities)
    for _ in range(DRAWS):
        counts[choose(stream)] += 1
    return sum((n - DRAWS * p) ** 2 / (DRAWS * p) for n, p in zip(counts, probabilities, strict=True))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("exponent", [0.5, 0.99, 2.0])
def test_zipf_frequencies(seed, exponent):
    """Frequencies follow 1 / rank ** s: the chi-square test does not reject at significance 0.001 (fixed seeds)."""
    weights = [rank**-exponent for rank in range(1, 21)]
    assert chi_square(zipf(20, exponent), [w / sum(weights) for w in weights], seed) < CHI2_999[19]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_uniform_frequencies(seed):
    """Every key equally often: not rejected at significance 0.001 (fixed seeds)."""
    assert chi_square(uniform(10), [0.1] * 10, seed) < CHI2_999[9]


def test_a_wrong_exponent_would_be_rejected():
    """The test above can fail: exponent 0.9 against the frequencies of 0.99 is rejected."""
    weights = [rank**-0.99 for rank in range(1, 21)]
    assert chi_square(zipf(20, 0.9), [w / sum(weights) for w in weights], 1) > CHI2_999[19]


def test_the_extremes_of_a_draw_are_keys():
    """Draws of 0 and of just under 1 name the first and the last key."""

    class Fixed:
        def __init__(self, draw):
            self.draw = draw

        def random(self):
            return self.draw

    for choose in (uniform(7), zipf(7, 1.0)):
        assert choose(Fixed(0.0)) == 0
        assert choose(Fixed(1.0 - 2**-53)) == 6


def test_one_draw_per_key_whatever_the_distribution():
    """Streams stay aligned when only the distribution changes."""
    a, b = Stream(5, "x"), Stream(5, "x")
    chooser(10, None)(a)
    chooser(10, 0.99)(b)
    assert a.random() == b.random()


@pytest.mark.parametrize(("keys", "exponent"), [(0, None), (5, -1.0), (5, float("nan")), (2_000_000, None)])
def test_impossible_keys_are_refused(keys, exponent):
    """No keys, too many, or an exponent that is no number at least 0."""
    with pytest.raises(UsageError):
        chooser(keys, exponent)
