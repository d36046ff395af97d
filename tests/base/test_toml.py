"""TOML out, TOML in: the same values."""

import tomllib

import pytest

from windtunnel.base.toml import toml_text


def test_what_is_written_is_read_back():
    """Scalars, nested tables, arrays of tables, odd keys and odd strings survive the round trip."""
    table = {
        "seed": 7,
        "for_s": 1e-06,
        "endless": float("inf"),
        "on": True,
        "faults": ["partition", "crash"],
        "none": [],
        "text": 'a "quoted" \\ line\nand\ttab \x7f é 🜁',
        "odd key.with dot": 1,
        "options": {"lease_s": 0.5, "deeper": {"x": [1, [2, 3]]}},
        "plan": [{"at_s": 1.5, "verb": "cut", "args": {"links": [["n1", "n2"]]}}, {"at_s": 2.0, "verb": "heal", "args": {}}],
    }
    assert tomllib.loads(toml_text(table)) == table


def test_none_is_left_out():
    """TOML has no null, so an entry without a value is an absent entry."""
    assert tomllib.loads(toml_text({"size": None, "rows": [{"a": 1, "b": None}]})) == {"rows": [{"a": 1}]}


def test_what_toml_cannot_say_is_refused():
    """An object of a class of one's own has no TOML."""
    with pytest.raises(TypeError, match="TOML has no object"):
        toml_text({"x": object()})
