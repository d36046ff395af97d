"""What is worth compiling, or its pure twin. `WINDTUNNEL_KERNEL` forces one, as for the simulator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from windtunnel.base.errors import UsageError

__all__ = ["COMPILED", "differing", "path_to", "reaching", "strong", "successors"]

_WISH = os.environ.get("WINDTUNNEL_KERNEL", "")

COMPILED: bool

if TYPE_CHECKING or _WISH == "pure":
    from windtunnel.checkers.transactions.pure_kernels import differing, path_to, reaching, strong, successors

    COMPILED = False
else:
    try:
        from windtunnel.checkers.transactions._kernels import differing, path_to, reaching, strong, successors

        COMPILED = True
    except ImportError as error:
        if _WISH == "compiled":
            raise UsageError(
                "the compiled kernels were not built; install a C compiler and Cython, then `pip install -e .`"
            ) from error
        from windtunnel.checkers.transactions.pure_kernels import differing, path_to, reaching, strong, successors

        COMPILED = False
