"""The entries of these models in the registry."""

from __future__ import annotations

from windtunnel.checkers.model import Model
from windtunnel.checkers.weak import causal, sequential

ENTRIES = (
    Model(
        "sequential",
        sequential.PROPERTY,
        sequential.FUNCTIONS,
        "One order of all operations keeps the order of every process and is what the store would do; real time plays no part.",
        sequential.sequential,
    ),
    Model(
        "causal",
        causal.CAUSAL,
        causal.FUNCTIONS,
        "Every process can order all writes, causes before effects, so that its own reads are right: causal memory.",
        causal.causal,
    ),
    Model(
        "causal-convergence",
        causal.CONVERGENCE,
        causal.FUNCTIONS,
        "Every read is the last write of its causal past, in one order of writes that is the same for all.",
        causal.causal_convergence,
    ),
    Model(
        "weak-causal",
        causal.WEAK_CAUSAL,
        causal.FUNCTIONS,
        "No read shows what a write that causally precedes it had overwritten; each read by itself.",
        causal.weak_causal,
    ),
    Model(
        "pram",
        causal.PRAM,
        causal.FUNCTIONS,
        "Every process can order all writes, those of each process in its order, so that its own reads are right.",
        causal.pram,
    ),
)
"""One per model, in the order of lists."""
