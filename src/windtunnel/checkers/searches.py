"""The search of this process: the compiled one, or its pure-Python twin. Same problem, same verdict, same steps, on either.

`WINDTUNNEL_KERNEL=pure` or `=compiled` forces one, here as for the simulator; asking for what was not built is an error.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, Protocol

from windtunnel.base.errors import UsageError
from windtunnel.checkers.problem import Reductions
from windtunnel.histories.columns import Columns

__all__ = ["SEARCH", "Levels", "PlainRegisters", "Search", "plain_registers"]

_WISH = os.environ.get("WINDTUNNEL_KERNEL", "")


class PlainRegisters(Protocol):
    """The operations of a history on plain registers, one per key, ready to be searched (`_search.Registers`)."""

    columns: Columns

    def size(self, key: int) -> int:
        """How many operations of a key (its number) have a part in the verdict."""

    def operations(self, key: int) -> list[int]:
        """The numbers of these operations."""

    def unsourced(self, key: int) -> int:
        """Which of them, by place, found a value that nobody can have made by then; -1 if none did."""

    def search(self, key: int, reductions: Reductions, *, levels: bool = False) -> Search:
        """A search of the key: depth first, or level by level."""


SEARCH: Literal["pure", "compiled"]
_compiled: Any = None

if TYPE_CHECKING:
    from windtunnel.checkers.levels import Levels
    from windtunnel.checkers.search import Search
elif _WISH == "pure":
    from windtunnel.checkers.levels import Levels
    from windtunnel.checkers.search import Search

    SEARCH = "pure"
else:
    try:
        from windtunnel.checkers import _search as _compiled
        from windtunnel.checkers._search import Levels, Search

        SEARCH = "compiled"
    except ImportError as error:
        if _WISH == "compiled":
            raise UsageError(
                "the compiled search was not built; install a C compiler and Cython, then `pip install -e .`"
            ) from error
        from windtunnel.checkers.levels import Levels
        from windtunnel.checkers.search import Search

        SEARCH = "pure"


def plain_registers(columns: Columns, other: Any) -> PlainRegisters | None:
    """The registers; None without the compiled search, and for a malformed compare-and-set."""
    if _compiled is None:
        return None
    try:
        registers: PlainRegisters = _compiled.Registers(columns, other)
    except ValueError:
        return None
    return registers
