"""Quantities in and out."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.base.errors import UsageError
from windtunnel.quant import QuantError
from windtunnel.quant.units import DIMENSIONS, parse, show


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("80/s", "1/s", 80.0),
        ("5k/s", "1/s", 5000.0),
        ("120 requests/min", "1/s", 2.0),
        ("2 rps", "1/s", 2.0),
        ("50ms", "s", 0.05),
        ("1.5 h", "s", 5400.0),
        ("2 years", "s", 2 * 365 * 86400.0),
        ("99.95%", "fraction", 0.9995),
        ("3 nines", "fraction", 0.999),
        ("$1,200.50", "$", 1200.5),
        ("$3.5M", "$", 3.5e6),
        ("-$5", "$", -5.0),
        ("$0.10/h", "$/month", 73.0),
        ("$1200/year", "$/month", 100.0),
        ("4KiB", "B", 4096.0),
        ("1Gb/s", "B/s", 125e6),
        ("3 years", "months", 36.0),
        ("10k", "", 10000.0),
        ("8", "1/s", 8.0),
    ],
)
def test_quantities_are_read(text, unit, value):
    """Units, prefixes and bare numbers give the canonical value."""
    assert parse(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "unit", "says"),
    [
        ("80ms", "1/s", "expected a rate such as 80/s, 5k/s or 3/day; got '80ms', which is a time"),
        ("80/s", "s", "which is a rate"),
        ("$5", "s", "which is an amount of money"),
        ("lots", "", "expected a plain number such as 8, 1.5 or 10k; got 'lots'"),
        ("", "s", "got ''"),
        ("nan", "s", "got 'nan'"),
        ("1e999", "s", "got '1e999'"),
        ("5%", "s", "which is a share"),
        ("1..2s", "s", "got '1..2s'"),
    ],
)
def test_what_is_no_such_quantity_is_said(text, unit, says):
    """The message has what was expected, what came, and of what kind that is."""
    with pytest.raises(QuantError, match="expected") as error:
        parse(text, unit)
    assert says in str(error.value)
    assert isinstance(error.value, UsageError)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0333, "s", "33.3 ms"),
        (0.9999996, "s", "1 s"),
        (0.0, "s", "0 s"),
        (7200.0, "s", "2 h"),
        (0.999989, "fraction", "99.9989 %"),
        (0.5, "fraction", "50 %"),
        (1.0, "fraction", "100 %"),
        (1234.5, "$", "$1,234.50"),
        (-20.0, "$/month", "-$20.00/month"),
        (1e9, "B", "1 GB"),
        (1 / 86400, "1/s", "1/day"),
        (math.inf, "s", "never"),
        (math.inf, "", "unbounded"),
        (12345.0, "", "12,345"),
        (None, "s", "none"),
    ],
)
def test_values_are_shown(value, unit, text):
    """To four digits, money to the cent, availability to the digits that differ from 100 %."""
    assert show(value, unit) == text


@settings(deadline=None)
@given(st.floats(1e-9, 1e9), st.sampled_from(["s", "1/s", "", "$", "B", "km"]))
def test_what_is_shown_can_be_read(value, unit):
    """Reading what was shown gives the value, to the digits shown."""
    again = parse(show(value, unit), unit)
    assert again == pytest.approx(value, rel=2e-3, abs=0.006 if unit == "$" else 0)


def test_every_dimension_has_an_example_that_can_be_read():
    """The examples in the messages are accepted."""
    for unit, dimension in DIMENSIONS.items():
        for example in dimension.example.replace(" or ", ", ").split(", "):
            parse(example, unit)
