"""A node's disk: an append-only log of records with explicit syncs, and the ways in which it disappoints.

Model. A record is durable when a sync that began after its append has ended. A crash keeps what is durable and, of the rest,
a random prefix: the page cache may have been written back. The record at which the prefix ends may be torn; its checksum
says so at recovery and it is dropped, like everything after it. Replacing the log (a checkpoint: write a new file, sync,
rename, sync the directory) is atomic: after a crash in between, recovery finds the old log or the new one, whole.

A synced sector that goes bad is reported by the drive as a read error. Recovery then refuses to start the node: dropping a
record that was acknowledged would break every protocol that relies on it (Alagappan et al., "Protocol-aware recovery", 2018).

Omits: misdirected and phantom writes; a drive that acknowledges a sync and lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from windtunnel.base.errors import StorageError

SYNC_S = (0.0002, 0.001)  # fdatasync of a small append on a data-centre SSD


class _Draws(Protocol):
    def random(self) -> float: ...


class SimDisk:
    """The log of one node. `sync_s`: seconds a sync takes, drawn uniformly from that range."""

    __slots__ = ("_log", "_rng", "_stable", "_stable_count", "_syncing", "_syncing_count", "bad", "full", "sync_s", "torn")

    def __init__(self, rng: _Draws, sync_s: tuple[float, float] = SYNC_S) -> None:
        self.sync_s = sync_s
        self.full = False
        self.bad = -1  # position of an unreadable record, or -1
        self.torn = 0  # records lost or cut by crashes so far
        self._rng = rng
        self._log: list[Any] = []
        self._stable = self._log  # the file that recovery would find; differs from _log during a checkpoint
        self._stable_count = 0
        self._syncing = self._log
        self._syncing_count = 0

    def append(self, record: Any) -> None:
        """Add `record` to the log; not yet durable. Raises StorageError on a full disk."""
        if self.full:
            raise StorageError(f"no space left on device: the log holds {len(self._log)} records")
        self._log.append(record)

    def replace(self, records: Sequence[Any]) -> None:
        """Replace the log, atomically, with the next sync. Raises StorageError on a full disk."""
        if self.full:
            raise StorageError("no space left on device: cannot write the new log beside the old one")
        self._log = list(records)
        self.bad = -1

    def begin_sync(self) -> float:
        """Start making everything appended so far durable; returns how many seconds that takes."""
        self._syncing = self._log
        self._syncing_count = len(self._log)
        low, high = self.sync_s
        return low + (high - low) * self._rng.random() if high > 0.0 else 0.0

    def end_sync(self) -> None:
        """The sync has ended: what it covered is durable."""
        self._stable = self._syncing
        self._stable_count = self._syncing_count

    def crash(self) -> int:
        """Power is lost. Returns how many records were lost, torn ones included."""
        draw = self._rng.random
        if self._stable is not self._log and draw() < 0.5:
            # The rename of the checkpoint had reached the directory; its file was synced before the rename.
            kept = list(self._log)
            lost = 0
        else:
            tail = self._log[self._stable_count :] if self._stable is self._log else []
            survivors = int(draw() * (len(tail) + 1))
            kept = self._stable[: self._stable_count] + tail[:survivors]
            lost = len(tail) - survivors
        self.torn += lost
        self._log = self._stable = self._syncing = kept
        self._stable_count = self._syncing_count = len(kept)
        return lost

    def recover(self) -> list[Any]:
        """The records that a booting node reads. Raises StorageError where a synced record cannot be read."""
        if 0 <= self.bad < len(self._log):
            raise StorageError(f"record {self.bad} of {len(self._log)} is unreadable: refusing to start without it")
        return list(self._log)

    def corrupt(self) -> bool:
        """One durable record becomes unreadable; False when there is none."""
        if self._stable_count == 0 or self._stable is not self._log:
            return False
        self.bad = int(self._rng.random() * self._stable_count)
        return True

    def repair(self) -> None:
        """Space is free, every record is readable (restored from the mirror), syncs are fast again."""
        self.full = False
        self.bad = -1
        self.sync_s = SYNC_S

    def __len__(self) -> int:
        """Records in the log, durable or not."""
        return len(self._log)
