from windtunnel.checkers import check
from windtunnel.histories import history_of


def explained(drawing, model="kv"):
    verdict = check(history_of(drawing), model)
    assert verdict.valid is False
    return verdict.why, verdict.evidence.text


def test_the_story_of_a_stale_read():
    """Why, the drawing, how far any order goes, and who had made the value that was found."""
    why, text = explained("A  (w x 1)        (r x 1)\nB         (w x 2)")
    assert why == "read x -> 1 by process A (operation 2 at 18.000 s) cannot be ordered: it needs 1, but x held 2"
    assert text == [
        "  A  (write x 1)           (read x -> 1)",
        "  B             (write x 2)",
        "As far as any order goes: write x 1 (operation 0 at 3.000 s), write x 2 (operation 1 at 10.000 s); x is then 2.",
        "The only operation that makes x 1, write x 1 by process A (operation 0 at 3.000 s), had returned before it was invoked.",
    ]


def test_a_value_that_nobody_made():
    """A phantom is told as one; a write that came too late is named."""
    why, text = explained("A (r x 7) (w x 7)")
    assert why.endswith("it needs 7, which nothing had made x by then")
    assert text[-1].endswith("was invoked only after it had returned.")
    _, text = explained("A (r x 7)")
    assert text[-1] == "No operation of the history makes x 7."


def test_keys_and_nothing_are_told_apart_from_words():
    """A key that is no name is called a key; nothing is null; without keys there is one value."""
    assert "but key 5 held 1" in explained('A (w "5" 1) ("5":r 2)\nB (w "5" 2>'.replace('("5":r 2)', '(r "5" nil)'))[0]
    assert "it needs null, but the value held 1" in explained("A (w 1) (r nil)")[0]


def test_unanswered_operations_are_tried_too():
    """What was never answered might have come first: the explanation says what it would lead to."""
    _, text = explained("A  (w x 1) (cas x 1 2)  (r x 1) (r x 3)\nB (w x 3>")
    assert any("write x 3 (no answer) by process B" in line for line in text)
