"""Oracles of the calculators: simulation on our kernel, brute force, Monte Carlo. `check` compares a formula with one of them."""

from __future__ import annotations

from windtunnel.calculators.checking import check, has_oracle

__all__ = ["check", "has_oracle"]
