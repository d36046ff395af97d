"""The subset of Markdown that lessons are written in."""

import pytest

from windtunnel.learn.markup import BLOCKS, SPANS, Fence, MalformedLesson, blocks, plain, spans, tree, walk

TEXT = """\
# Head *one*

A paragraph with `code`, **strong `x`**, *weak*,
[a page](https://example.org/a), [an item](lesson:law-1) and a source [2].

- first
  goes on
- second

1. one
2. two

| a | b |
|---|---|
| 1 | `x\\|y` |

> a quote
> goes on

```python
# not a heading
```
"""


def test_every_kind_of_block_is_read():
    """In order, with all the fields that the table of kinds names."""
    found = tree(TEXT)
    assert [node["type"] for node in found] == ["heading", "paragraph", "list", "list", "table", "quote", "listing"]
    for node in walk(found):
        assert set(node) == {"type", *(BLOCKS | SPANS)[node["type"]]}
    assert plain(found[2]["items"][0]) == "first goes on"
    assert found[3]["ordered"] is True
    assert plain(found[4]["rows"][0][1]) == "x|y"
    assert found[6] == {"type": "listing", "language": "python", "text": "# not a heading"}


def test_spans_nest_and_know_their_targets():
    """Marks become nodes; a number in brackets is a source."""
    words = tree(TEXT)[1]["spans"]
    assert [node["type"] for node in words if node["type"] != "text"] == ["code", "strong", "emphasis", "link", "link", "source"]
    assert [node["target"] for node in words if node["type"] == "link"] == ["https://example.org/a", "lesson:law-1"]
    assert plain(words).startswith("A paragraph with code, strong x, weak, a page")


def test_what_is_no_mark_stays_text():
    """Products, names with underscores and angle brackets are not markup."""
    text = "2 * 3 * 4, a_b_c, <b>bold</b>, 5*6"
    assert spans(text) == [{"type": "text", "text": text}]


def test_fences_know_their_line():
    """So that what is wrong inside can be said."""
    assert blocks("a\n\n```try invalid\nx\n```\n", "f", 10)[1] == Fence("try invalid", "x", 13)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a\n\n```\nx", "f:3: a fence is opened and never closed"),
        ("| a |\n|---|", "f:1: a table needs"),
        ("| a | b |\n|---|---|\n| 1 |", "f:3: this row of the table has 1 cells, not 2"),
        ("x [a](javascript:alert(1)) y", "a link leads to https"),
        ("[a](../../etc/passwd)", "a link leads to https"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text, says):
    """Nothing is shown by half."""
    with pytest.raises(MalformedLesson) as refused:
        tree(text, "f")
    assert says in str(refused.value)
