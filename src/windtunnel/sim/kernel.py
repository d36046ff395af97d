"""The kernel of this process: the compiled one, or its pure-Python twin. Same seed, same run, on either.

`WINDTUNNEL_KERNEL=pure` or `=compiled` forces one; asking for a compiled kernel that was not built is an error.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from windtunnel.base.errors import UsageError

__all__ = ["KERNEL", "Handle", "Kernel", "Pipe", "Port", "Stream"]

_WISH = os.environ.get("WINDTUNNEL_KERNEL", "")
if _WISH not in ("", "pure", "compiled"):
    raise UsageError(f"expected WINDTUNNEL_KERNEL to be pure or compiled; got {_WISH!r}")

KERNEL: Literal["pure", "compiled"]

if TYPE_CHECKING:
    from windtunnel.sim.pure import Handle, Kernel, Pipe, Port, Stream
elif _WISH == "pure":
    from windtunnel.sim.pure import Handle, Kernel, Pipe, Port, Stream

    KERNEL = "pure"
else:
    try:
        from windtunnel.sim._kernel import Handle, Kernel, Pipe, Port, Stream

        KERNEL = "compiled"
    except ImportError as error:
        if _WISH:
            raise UsageError(
                "the compiled kernel was not built; install a C compiler and Cython, then `pip install -e .`"
            ) from error
        from windtunnel.sim.pure import Handle, Kernel, Pipe, Port, Stream

        KERNEL = "pure"
