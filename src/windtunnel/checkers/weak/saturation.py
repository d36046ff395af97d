"""Saturation of views: the compiled one, or its pure twin. `WINDTUNNEL_KERNEL` forces one, as for the simulator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from windtunnel.base.errors import UsageError

__all__ = ["COMPILED", "Saturation"]

_WISH = os.environ.get("WINDTUNNEL_KERNEL", "")

COMPILED: bool

if TYPE_CHECKING or _WISH == "pure":
    from windtunnel.checkers.weak.pure_saturation import Saturation

    COMPILED = False
else:
    try:
        from windtunnel.checkers.weak._saturation import Saturation

        COMPILED = True
    except ImportError as error:
        if _WISH == "compiled":
            raise UsageError(
                "the compiled kernels were not built; install a C compiler and Cython, then `pip install -e .`"
            ) from error
        from windtunnel.checkers.weak.pure_saturation import Saturation

        COMPILED = False
