from pathlib import Path

import pytest

from windtunnel.histories import MalformedHistory, history_of, read_history, write_edn
from windtunnel.histories.jepsen import read_edn


def read(tmp_path, text):
    path = tmp_path / "h.edn"
    path.write_text(text)
    return read_edn(path)


@pytest.mark.parametrize("frame", ["{}", "[{}]", "({})", "; a comment\n{}\n"])
def test_lines_and_vectors_are_the_same_history(tmp_path, frame):
    """Maps one a line, in a vector or in a list are read alike."""
    rows = "{:process 0, :type :invoke, :f :write, :value 3, :time 1000000000}\n{:process 0, :type :ok, :f :write, :value 3}"
    (operation,) = read(tmp_path, frame.replace("{}", rows)).operations
    assert (operation.process, operation.f, operation.value, operation.type, operation.result) == (0, "write", 3, "ok", None)
    assert operation.invoked_s == 1.0


def test_meaning_of_completions(tmp_path):
    """`:fail` did not happen, `:info` may have, an `:ok` that repeats its argument says that the update was done."""
    history = read(
        tmp_path,
        """
        {:process 0 :type :invoke :f :cas :value [1 2]}
        {:process 0 :type :fail :f :cas :value [1 2]}
        {:process 0 :type :invoke :f :cas :value [1 2]}
        {:process 0 :type :ok :f :cas :value [1 2]}
        {:process 0 :type :invoke :f :cas :value [1 2]}
        {:process 0 :type :fail :f :cas :value [1 2] :error :compare-failed}
        {:process 0 :type :invoke :f :read :value nil}
        {:process 0 :type :ok :f :read :value 5}
        {:process 0 :type :invoke :f :write :value 6}
        {:process 0 :type :info :f :write :value 6 :error [:timeout "n1"]}
        """,
    )
    assert [(op.f, op.type, op.result) for op in history] == [
        ("cas", "fail", None),
        ("cas", "ok", True),
        ("cas", "ok", False),
        ("read", "ok", 5),
        ("write", "info", None),
    ]
    assert history.operations[-1].error == '[:timeout "n1"]'


def test_the_nemesis_is_skipped(tmp_path):
    """Rows of processes that are no numbers are no operations of clients."""
    assert len(read(tmp_path, "{:process :nemesis :type :info :f :kill}")) == 0


def test_order_of_the_file_counts(tmp_path):
    """Times of real recordings jump back; the order of the rows is the order of the events."""
    history = read(
        tmp_path,
        """
        {:process 0 :type :invoke :f :read :time 2000}
        {:process 1 :type :invoke :f :read :time 1000}
        {:process 1 :type :ok :f :read :value 1 :time 3000}
        """,
    )
    assert [op.process for op in history] == [0, 1]


def test_independent_keys_are_taken_out_of_the_values(tmp_path):
    """Where every value is [key value] and a read asks for [key nil], the first part is the key."""
    history = read(
        tmp_path,
        """
        {:process 0 :type :invoke :f :cas :value ["x" [1 2]]}
        {:process 0 :type :ok :f :cas :value ["x" [1 2]]}
        {:process 0 :type :invoke :f :read :value ["x" nil]}
        {:process 0 :type :ok :f :read :value ["x" 2]}
        """,
    )
    assert [(op.key, op.value, op.result) for op in history] == [("x", [1, 2], True), ("x", None, 2)]


def test_pairs_are_not_keys_by_themselves(tmp_path):
    """A history of compare-and-sets alone keeps its pairs: nothing shows that they are keys."""
    history = read(tmp_path, "{:process 0 :type :invoke :f :cas :value [1 2]}\n{:process 0 :type :ok :f :cas :value [1 2]}")
    assert [(op.key, op.value) for op in history] == [(None, [1, 2])]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("5", 1, "a map such as"),
        ("\n{:type :invoke :f :read}", 2, ":process"),
        ("{:process 0 :type :start :f :read}", 1, ":type to be one of"),
        ("{:process 0 :type :invoke :f 3}", 1, "a keyword for :f"),
        ("{:process 0 :type :invoke :f :read :time :now}", 1, "nanoseconds"),
        ("{:process 0 :type :ok :f :read}", 1, "an invocation of process 0"),
        ("{:process 0 :type :invoke :f :read :time 9}{:process 0 :type :ok :f :read :time 8}", 1, "a time of at least"),
        ("[]", 1, "at least one operation"),
    ],
)
def test_rows_that_are_no_events_are_refused(tmp_path, text, line, words):
    """A row that Jepsen cannot have written is named with its line."""
    with pytest.raises(MalformedHistory, match=words) as caught:
        read(tmp_path, text)
    assert caught.value.line == line


def test_what_is_written_is_read_again(tmp_path):
    """Keys, values, outcomes and results survive; processes with names get numbers."""
    history = history_of(
        """
        A  (w x 1)   (r x 3)      (cas x 3 4 -> false)
        7     (cas x 1 3)    (append x "a\\"b">
        B  (w nil) (txn yes -> committed)  (w x 4!
        """
    )
    write_edn(history, tmp_path / "h.edn")
    again = read_history(tmp_path / "h.edn")
    numbers = {"A": 8, "B": 9, 7: 7}

    def outline(of):
        return [
            (numbers.get(op.process, op.process), op.f, op.key, list(op.value) if op.f == "cas" else op.value, op.type, op.result)
            for op in of
        ]

    assert outline(again) == outline(history)
    assert [(op.invoked, op.completed) for op in again] == [(op.invoked, op.completed) for op in history]
    assert [op.completed_s for op in again] == [op.completed_s for op in history]


def test_strange_function_names_stay_readable(tmp_path):
    """A function name that is no keyword is written as a string, and read again."""
    history = history_of("A (w 1)")
    history.operations[0].f = "odd name"
    write_edn(history, Path(tmp_path) / "h.edn")
    assert read_history(tmp_path / "h.edn").operations[0].f == "odd name"
