"""Faults as people type them."""

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.faults.words import fault_from_words


@pytest.mark.parametrize(
    ("text", "verb", "args", "times"),
    [
        ("crash n1", "crash", {"nodes": ["n1"]}, (5.0, None)),
        ("crash n1 n2 at 12.5 for 500ms", "crash", {"nodes": ["n1", "n2"]}, (12.5, 13.0)),
        ("pause leader until 7", "pause", {"nodes": ["leader"]}, (5.0, 7.0)),
        ("pause leader at 6 for ever", "pause", {"nodes": ["leader"]}, (6.0, None)),
        ("cut isolate n2 hold for 1", "cut", {"shape": "isolate", "nodes": ["n2"], "hold": True}, (5.0, 6.0)),
        ("cut halves n1 n2|n3 n4", "cut", {"shape": "halves", "groups": [["n1", "n2"], ["n3", "n4"]]}, (5.0, None)),
        ("cut one_way n1 to n2 n3", "cut", {"shape": "one_way", "nodes": ["n1"], "to": ["n2", "n3"]}, (5.0, None)),
        ("cut bridge n3: n1|n2", "cut", {"shape": "bridge", "nodes": ["n3"], "groups": [["n1"], ["n2"]]}, (5.0, None)),
        ("weather drop=0.2 slow_s=0.1 for 2", "weather", {"drop": 0.2, "slow_s": 0.1}, (5.0, 7.0)),
        ("skew n1 offset_s=-1", "skew", {"nodes": ["n1"], "offset_s": -1.0}, (5.0, None)),
        ("disk n1 full", "disk", {"nodes": ["n1"], "mode": "full"}, (5.0, None)),
        ("disk n1 mode=slow sync_s=0.3", "disk", {"nodes": ["n1"], "mode": "slow", "sync_s": 0.3}, (5.0, None)),
    ],
)
def test_words_make_a_fault(text, verb, args, times):
    """Verb, arguments and times; what is not said begins at the given moment and lasts for ever."""
    fault = fault_from_words(text, 5.0)
    assert (fault.verb, dict(fault.args), (fault.at_s, fault.until_s)) == (verb, args, times)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "verb"),
        ("crush n1", "crash"),
        ("crash", "needs nodes"),
        ("crash n1 at", "a time is missing"),
        ("crash n1 at noon", "duration"),
        ("crash n1 at 3 n2 4", "at, until or for"),
        ("crash n1 until 2", "before or when it begins"),
        ("cut half n1", "shape"),
        ("weather drop=much", "is a number"),
        ("weather drop=2", "at most 1"),
    ],
)
def test_other_words_are_refused(text, said):
    """The error names what was expected."""
    with pytest.raises(UsageError, match=said):
        fault_from_words(text, 5.0)
