import re
from xml.etree import ElementTree as ET

from windtunnel.checkers.timeline import timeline
from windtunnel.histories import history_of

DRAWING = """
A (write 1)        (read -> 1)
B    (write "<&")
C  (write 3>
"""


def bars(svg):
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    found = {}
    for group in root.iter(f"{space}g"):
        title, bar = group.find(f"{space}title").text, group.find(f"{space}rect")
        found[title.split(" by ")[0]] = (float(bar.get("x")), float(bar.get("x")) + float(bar.get("width")), bar)
    return found


def test_what_overlaps_overlaps_in_the_drawing():
    """Bars begin and end in the order of the events, and the text is escaped."""
    history = history_of(DRAWING)
    found = bars(timeline(history.operations, history.operations[-1]))
    write, other, lost, read = (found[name] for name in ("write 1", "write <&", "write 3 (no answer)", "read -> 1"))
    assert write[0] < lost[0] < other[0] < write[1] < other[1] < read[0] < read[1]
    assert lost[1] >= read[1]


def test_the_stuck_operation_and_unanswered_ones_are_marked():
    """The stuck one has the colour of what is bad; a dashed bar has no end."""
    history = history_of(DRAWING)
    found = bars(timeline(history.operations, history.operations[-1]))
    assert [name for name, (_, _, bar) in found.items() if "--bad" in bar.get("fill")] == ["read -> 1"]
    assert [name for name, (_, _, bar) in found.items() if bar.get("stroke-dasharray")] == ["write 3 (no answer)"]


def test_labels_fit_their_bars():
    """A bar is as long as its text, so that nothing is hidden."""
    history = history_of("A (write 123456789012345678901234567890)\nB   (w 1)")
    svg = timeline(history.operations, None)
    for start, end, _ in bars(svg).values():
        assert end - start >= 7 * 7
    assert not re.search(r">[^<]{60,}</text>", svg)


def test_nothing_is_drawn_of_nothing():
    """No operations, no drawing."""
    assert timeline([], None) == ""
