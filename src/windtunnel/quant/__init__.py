"""Figures that can be trusted: closed forms with units, domains, sources, and a way to check each against an observation.

`CALCULATORS` is the catalogue by name. It loads when it is first used, so that importing this package costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what `typing` would say, without its import
if TYPE_CHECKING:
    from windtunnel.quant.agreement import Agreement, Row
    from windtunnel.quant.calculator import Calculator, Input
    from windtunnel.quant.errors import QuantError, Unstable
    from windtunnel.quant.result import Chart, Output, Result, Sensitivity

    CALCULATORS: dict[str, Calculator]

__all__ = [
    "CALCULATORS",
    "Agreement",
    "Calculator",
    "Chart",
    "Input",
    "Output",
    "QuantError",
    "Result",
    "Row",
    "Sensitivity",
    "Unstable",
    "find",
]

_HOMES = {
    "Agreement": "agreement",
    "Calculator": "calculator",
    "Chart": "result",
    "Input": "calculator",
    "Output": "result",
    "QuantError": "errors",
    "Result": "result",
    "Row": "agreement",
    "Sensitivity": "result",
    "Unstable": "errors",
}


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 - only the first use of a name pays for it

    if name == "CALCULATORS":
        value = import_module("windtunnel.quant.registry").load()
    elif name in _HOMES:
        value = getattr(import_module(f"windtunnel.quant.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def find(name: str) -> Calculator:
    """The calculator `name`. Raises UsageError with the nearest name."""
    from windtunnel.quant.registry import load  # noqa: PLC0415 - as above

    calculators = globals().get("CALCULATORS") or load()
    if name not in calculators:
        from windtunnel.base.errors import unknown  # noqa: PLC0415

        raise unknown("calculator", name, calculators)
    found: Calculator = calculators[name]
    return found
