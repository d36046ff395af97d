"""A journal: records that a crash of the machine does not take away.

    journal = Journal("saga.log")
    await journal.append({"saga": "s1", "step": 0})    # when this returns, the record is on the disk
    for record in journal.records(): ...               # after the next boot: everything that was appended, in order

One record is one line of JSON. A line that the crash has cut is left out: its `append` had not returned.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from windtunnel.batteries.durable import sync_directory


class Journal:
    """Records in the file `path`, which is made if it is not there."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        if not self.path.exists():
            self.path.touch()
            sync_directory(self.path.parent)
        whole = self._whole()
        if whole < self.path.stat().st_size:
            with self.path.open("rb+") as file:
                file.truncate(whole)

    def records(self) -> list[dict[str, Any]]:
        """Everything that is in the journal, the oldest first."""
        return [json.loads(line) for line in self.path.read_bytes()[: self._whole()].splitlines()]

    async def append(self, record: dict[str, Any]) -> None:
        """Add a record; when this returns it is durable. Raises OSError, and then it may or may not be there."""
        with self.path.open("ab") as file:
            file.write(json.dumps(record).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _whole(self) -> int:
        """The bytes up to the end of the last whole line."""
        return self.path.read_bytes().rfind(b"\n") + 1
