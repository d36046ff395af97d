import pytest

from windtunnel.base.errors import UsageError
from windtunnel.histories import MalformedHistory
from windtunnel.histories.transactions import read_transactions
from windtunnel.histories.transactions.columns import ALONE, BEFORE, NEVER


def read(tmp_path, text, **options):
    (tmp_path / "h").write_text(text, encoding="utf-8")
    return read_transactions(tmp_path / "h", **options)


def test_processes_may_be_missing(tmp_path):
    """Without processes a completion belongs to the open invocation with its micro-operations; there are no sessions."""
    found = read(
        tmp_path,
        "{:type :invoke, :value [[:append x 1]]}\n{:type :invoke, :value [[:r x nil]]}\n"
        "{:type :ok, :value [[:r x [1]]]}\n{:type :ok, :value [[:append x 1]]}",
    )
    assert found.session.tolist() == [ALONE, ALONE]
    assert found.completed.tolist() == [3, 2]
    assert found.describe(1) == "r x [1]"
    assert found.lines.tolist() == [[1, 4], [2, 3]]


def test_invocations_may_be_missing(tmp_path):
    """Completions alone: nobody knows when they were asked."""
    found = read(tmp_path, "{:type :ok, :process 1, :value [[:append x 1]]}\n{:type :ok, :process 1, :value [[:r x [1]]]}")
    assert found.invoked.tolist() == [BEFORE, BEFORE]
    assert found.completed.tolist() == [0, 1]
    assert not found.timed()


def test_values_of_any_kind_are_numbered(tmp_path):
    """Texts, large integers and lists as values: equal numbers for equal values only, and the values come back."""
    found = read(
        tmp_path,
        '{"type": "invoke", "process": 0, "value": [["w", "x", "one"], ["w", ["k", 1], true], ["w", "y", 1]]}\n'
        '{"type": "invoke", "process": 1, "value": [["w", "z", 99999999999999999999999]]}',
    )
    assert found.values == ["one", True, 1, 99999999999999999999999]
    assert found.keys == ["x", ["k", 1], "y", "z"]
    assert [value for _, _, value in found.micro_operations(0)] == ["one", True, 1]
    assert found.completed.tolist() == [NEVER, NEVER]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{:type :ok, :process 1, :value [[:r x nil]]}\n{:type :invoke, :process 1, :value []}",
            r"h:2: expected completions only",
        ),
        (
            "{:type :invoke, :process 1, :value []}\n{:type :invoke, :process 1, :value []}",
            r"h:2: .*while that of line 1 is open",
        ),
        (
            "{:type :invoke, :process 1, :value []}\n{:type :ok, :process 2, :value []}",
            r"h:2: expected an open invocation of process 2",
        ),
        ("{:type :huh, :process 1, :value []}", r"h:1: expected the type invoke, ok, fail or info"),
        ("{:type :invoke, :process 1, :f :read, :value []}", r"h:1: expected a transaction \(:f :txn\), got `:read`"),
        ("{:type :invoke, :process 1, :value 3}", r"h:1: expected a list of micro-operations"),
        ("{:type :invoke, :process 1.5, :value []}", r"h:1: expected a number or a name as the process"),
        ("\n{:type :invoke, :process 1, :value [[:append x]]}", r"h:2: expected a micro-operation"),
        ("{:type :invoke, :process 1, :value [[:frob x 1]]}", r"h:1: expected a micro-operation"),
        ("{:type :invoke, :process 1, :value [[:append x nil]]}", r"h:1: expected a value to write, got "),
        ("[1 2]", r"h:1: expected a map such as"),
        ("{:process :nemesis, :type :info, :f :kill, :value []}", r"h:1: expected at least one transaction, got none"),
        ('[{"type": "invoke", "process": 1, "value": []}', r"h:1: expected `\]`, got the end of the file"),
        ('[{"type": "invoke", "process": 1, "value": []}] 5', r"h:1: expected the end of the file, got `5`"),
        ('[{"type": "invoke",\n "process": 1, "value": []},\n {"type": ]', r"h:3: expected a JSON object"),
        ('{"type": "invoke", "process": 1, "value": []}\n{"type": ', r"h:2: expected one JSON object"),
        ("hello", r"h:1: expected transactions as one of edn, json, plume"),
        ("; nothing", r"only comments"),
    ],
)
def test_malformed_events_are_named_with_their_line(tmp_path, text, words):
    """Whatever no client can have done, or no reader can understand, is said with its place."""
    with pytest.raises(MalformedHistory, match=words):
        read(tmp_path, text)


def test_mixed_interfaces_are_refused(tmp_path):
    """Appends and writes in one history belong to no model; lists are no answers of registers."""
    with pytest.raises(UsageError, match="only micro-operations of list-append, got writes"):
        read(tmp_path, "{:type :invoke, :process 1, :value [[:append x 1] [:w y 2]]}")
    with pytest.raises(MalformedHistory, match="a plain value as the answer of a read"):
        read(tmp_path, "{:type :ok, :process 1, :value [[:w y 2] [:r x [1]]]}")
    with pytest.raises(MalformedHistory, match="a list as the answer of a read"):
        read(tmp_path, "{:type :ok, :process 1, :value [[:append y 2] [:r x 0]]}")
    with pytest.raises(MalformedHistory, match="a plain value"):
        read(tmp_path, "{:type :ok, :process 1, :value [[:r x [1]]]}", interface="rw-register")


def test_formats_that_do_not_exist(tmp_path):
    """An unknown format is answered with those there are; a folder without logs is no history."""
    with pytest.raises(UsageError, match="unknown format of transactions 'dbcp'; did you mean dbcop"):
        read(tmp_path, "r(1,1,1,1)", format="dbcp")
    with pytest.raises(UsageError, match="got a folder without Cobra's"):
        read_transactions(tmp_path)
    with pytest.raises(UsageError, match="cannot read the history"):
        read_transactions(tmp_path / "absent")
