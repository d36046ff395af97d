import pytest

from windtunnel.histories import MalformedHistory
from windtunnel.histories.etcd_log import read_etcd_log


def read(tmp_path, *events):
    path = tmp_path / "etcd.log"
    path.write_text("".join(f"INFO  jepsen.util - {event}\n" for event in events))
    return read_etcd_log(path)


def test_meaning_of_completions(tmp_path):
    """A failed compare is an answer, a timed-out read is a read without a result, an info may have happened."""
    history = read(
        tmp_path,
        "1\t:invoke\t:cas\t[1 2]",
        "1\t:fail\t:cas\t[1 2]",
        "1\t:invoke\t:cas\t[1 2]",
        "1\t:ok\t:cas\t[1 2]",
        "1\t:invoke\t:read\tnil",
        "1\t:fail\t:read\t:timed-out",
        "1\t:invoke\t:read\tnil",
        "1\t:ok\t:read\t4",
        "1\t:invoke\t:cas\t[0 4]",
        "1\t:info\t:cas\t:timed-out",
        "2\t:invoke\t:read\tnil",
        "2\t:ok\t:read\tnil",
    )
    assert [(op.f, op.value, op.type, op.result, op.error) for op in history] == [
        ("cas", [1, 2], "ok", False, None),
        ("cas", [1, 2], "ok", True, None),
        ("read", None, "fail", None, "timed-out"),
        ("read", None, "ok", 4, None),
        ("cas", [0, 4], "info", None, "timed-out"),
        ("read", None, "ok", None, None),
    ]
    assert history.timed is False


def test_other_loggers_and_the_nemesis_are_skipped(tmp_path):
    """Only what clients did is an operation."""
    path = tmp_path / "etcd.log"
    path.write_text(
        "INFO  jepsen.core - Running test\nINFO  jepsen.util - :nemesis\t:info\t:start\tnil\n"
        "INFO  jepsen.util - 0\t:invoke\t:read\tnil\nWARN  jepsen.client - slow\nINFO  jepsen.util - 0\t:ok\t:read\t3\n"
    )
    assert [(op.process, op.result) for op in read_etcd_log(path)] == [(0, 3)]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("4\t:invoke\t:rea", "process, :type, :function and value"),
        ("4\t:begin\t:read\tnil", "process, :type, :function and value"),
        ("4\t:invoke\t:cas\t[1 2", "one value"),
        ("4\t:invoke\t:cas\t1 2 3", "one value"),
        ("4\t:ok\t:read\t3", "an invocation of process 4"),
    ],
)
def test_damaged_lines_are_refused(tmp_path, event, words):
    """A truncated or foreign line is named with its number."""
    with pytest.raises(MalformedHistory, match=words) as caught:
        read(tmp_path, "0\t:invoke\t:read\tnil", event)
    assert caught.value.line == 2


def test_a_line_of_no_log_is_refused(tmp_path):
    """A line that is no log line at all is not skipped silently."""
    path = tmp_path / "etcd.log"
    path.write_text("INFO  jepsen.util - 0\t:invoke\t:read\tnil\nsomething else\n")
    with pytest.raises(MalformedHistory, match="a log line such as") as caught:
        read_etcd_log(path)
    assert caught.value.line == 2
