"""The catalogue of calculators: every module under `catalogue/` that ends in `CALCULATOR = Calculator(...)`, found by looking."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from windtunnel.quant import catalogue
from windtunnel.quant.calculator import Calculator

GROUPS = ("queueing", "reliability", "latency", "scaling", "consistency", "money")
"""In the order in which they are listed."""


def load() -> dict[str, Calculator]:
    """All calculators by name, by group and then by name. A module is named as its calculator, with underscores."""
    found: list[Calculator] = []
    for module in iter_modules(catalogue.__path__):
        calculator: Calculator = import_module(f"{catalogue.__name__}.{module.name}").CALCULATOR
        assert calculator.name == module.name.replace("_", "-"), f"{module.name} calls its calculator {calculator.name!r}"
        assert calculator.group in GROUPS, f"{calculator.name}: expected a group of {', '.join(GROUPS)}"
        found.append(calculator)
    found.sort(key=lambda calculator: (GROUPS.index(calculator.group), calculator.name))
    return {calculator.name: calculator for calculator in found}
