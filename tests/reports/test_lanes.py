"""Which row of a timeline an operation is drawn on."""

from itertools import pairwise

from windtunnel.histories import Operation
from windtunnel.reports.lanes import lanes


def op(process, begin, end, index=0):
    return Operation(index, process, "read", "x", invoked_s=begin, completed_s=end, type="ok" if end is not None else "info")


def test_processes_of_a_client_share_its_rows():
    """c1.1 and its successor c1.2 are one client; c2 has a row of its own."""
    rows = lanes([op("c1.1", 0, 1), op("c2.1", 0, 5), op("c1.2", 2, 3)], ["c1", "c2"])
    assert rows.labels == ["c1", "c2"]
    assert rows.lane == [0, 1, 0]


def test_what_overlaps_gets_a_row_of_its_own():
    """A client with two operations at once has two rows, of which only the first is named."""
    rows = lanes([op("c1.1", 0, 10), op("c1.2", 1, 2), op("c1.2", 3, 4), op("c2.1", 0, 1)], ["c1", "c2"])
    assert rows.labels == ["c1", "", "c2"]
    assert rows.lane == [0, 1, 1, 2]


def test_no_two_operations_of_a_row_overlap():
    """Whatever the order of the operations, a row holds one at a time."""
    operations = [op(f"c1.{i}", (i * 7) % 31, (i * 7) % 31 + 1 + i % 5) for i in range(60)]
    rows = lanes(operations, ["c1"])
    for row in range(len(rows.labels)):
        mine = sorted((o.invoked_s, o.completed_s) for o, lane in zip(operations, rows.lane, strict=True) if lane == row)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(mine))


def test_numbered_processes_are_grouped_as_in_jepsen():
    """Hundreds of process numbers of five clients: number modulo clients. Few numbers, or no clients: as they are."""
    many = [op(i, i, i + 1) for i in range(100)]
    assert lanes(many, ["a", "b"]).labels == ["a", "b"]
    assert lanes(many[:3], ["a", "b"]).labels == ["process 0", "process 1", "process 2"]
    assert lanes(many, []).labels == ["processes"]


def test_an_operation_that_never_completed_keeps_its_row():
    """Nobody may be drawn over what may still be going on."""
    assert lanes([op("c1.1", 0, None), op("c1.2", 5, 6)], ["c1"]).lane == [0, 1]


def test_a_limit_of_rows_is_kept():
    """Beyond the limit operations overlap in the row that will be free first; other clients keep theirs."""
    rows = lanes([op("c1.1", 0, 9), op("c1.2", 1, 8), op("c1.3", 2, 7), op("c2.1", 0, 1)], ["c1", "c2"], rows_max=2)
    assert rows.labels == ["c1", "", "c2"]
    assert rows.lane == [0, 1, 1, 2]
