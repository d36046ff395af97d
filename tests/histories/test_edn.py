from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.histories import MalformedHistory
from windtunnel.histories.edn import Keyword, edn_rows, edn_text

PATH = Path("h.edn")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True).map(Keyword),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


def one(text):
    """The only form of a text (in a vector of its own, so that vectors can be read too)."""
    ((_, value),) = edn_rows(PATH, f"[{text}]")
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nil", None),
        ("true", True),
        ("42", 42),
        ("-7N", -7),
        ("+3", 3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("2.5M", 2.5),
        ("1/4", 0.25),
        ("##Inf", inf),
        (":ok", "ok"),
        (":jepsen.client/read", "jepsen.client/read"),
        ('"a\\"b\\n\\u0041\\101"', 'a"b\nAA'),
        ("\\a", "a"),
        ("\\newline", "\n"),
        ("\\u0041", "A"),
        ("[1 2, 3]", [1, 2, 3]),
        ("(1 [2])", [1, [2]]),
        ("#{1}", [1]),
        ('{:a 1 "b" nil [1 2] 3}', {"a": 1, "b": None, (1, 2): 3}),
        ('#inst "2020"', "2020"),
        ("#jepsen.history.Op{:f :read}", {"f": "read"}),
        ("#_ignored 5", 5),
        ("[1 #_ #_ 2 3 4]", [1, 4]),
        ("foo/bar", "foo/bar"),
        ("1 ; comment\n", 1),
    ],
)
def test_forms(text, value):
    """Every kind of form of the notation becomes the Python value that stands for it."""
    assert one(text) == value


def test_keywords_are_told_from_strings():
    """A keyword is a string that remembers what it was."""
    assert isinstance(one(":ok"), Keyword)
    assert not isinstance(one('"ok"'), Keyword)


@given(VALUES)
def test_values_survive(value):
    """What is written is read again."""
    assert one(edn_text(value)) == value


def test_lines_are_counted():
    """Each top-level form, or element of the one vector, comes with the line where it begins."""
    assert [line for line, _ in edn_rows(PATH, '1\n\n2 "a\nb"\n3')] == [1, 3, 3, 5]
    assert [line for line, _ in edn_rows(PATH, "[1\n {:a\n 2}\n 3]")] == [1, 2, 4]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\n(1 2", 2, "the end of the file inside"),
        ("[1 2)", 1, "`]`"),
        ("\n]", 2, "a form"),
        ("{:a}", 1, "a value for every key"),
        ("{{:a 1} 2}", 1, "simple keys"),
        ('"abc', 1, "EDN"),
        ("12x", 1, "a number"),
        ("1/0", 1, "a number"),
        ("9" * 5000, 1, "a number"),
        (":", 1, "a keyword"),
        ("[#_]", 1, "a value"),
        ("^", 1, "EDN"),
    ],
)
def test_errors_have_lines(text, line, words):
    """Malformed EDN is refused with its line."""
    with pytest.raises(MalformedHistory, match=words) as caught:
        list(edn_rows(PATH, text))
    assert caught.value.line == line


def test_depth_is_no_danger():
    """A hundred thousand open brackets exhaust no stack; values may be as deep as anybody needs."""
    with pytest.raises(MalformedHistory, match="nested at most 100 deep"):
        list(edn_rows(PATH, "[" * 100_000))
    assert len(list(edn_rows(PATH, "[" * 90 + "]" * 90))) == 1


@given(st.text(st.sampled_from("[](){}#_\"\\:;,^ \n019aN/.-+e~@'`&\u20ac"), max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    """No text makes the parser do anything but return forms or raise MalformedHistory."""
    refused = None
    try:
        for _, value in edn_rows(PATH, text):
            edn_text(value)
    except MalformedHistory as error:
        refused = error
    assert refused is None or 1 <= refused.line <= text.count("\n") + 1
