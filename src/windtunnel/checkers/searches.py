"""The search of this process: the compiled one, or its pure-Python twin. Same problem, same verdict, same steps, on either.

`WINDTUNNEL_KERNEL=pure` or `=compiled` forces one, here as for the simulator; asking for what was not built is an error.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from windtunnel.base.errors import UsageError

__all__ = ["SEARCH", "Search"]

_WISH = os.environ.get("WINDTUNNEL_KERNEL", "")

SEARCH: Literal["pure", "compiled"]

if TYPE_CHECKING:
    from windtunnel.checkers.search import Search
elif _WISH == "pure":
    from windtunnel.checkers.search import Search

    SEARCH = "pure"
else:
    try:
        from windtunnel.checkers._search import Search

        SEARCH = "compiled"
    except ImportError as error:
        if _WISH == "compiled":
            raise UsageError(
                "the compiled search was not built; install a C compiler and Cython, then `pip install -e .`"
            ) from error
        from windtunnel.checkers.search import Search

        SEARCH = "pure"
