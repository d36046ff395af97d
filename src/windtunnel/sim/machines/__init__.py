"""Machines: hosts that boot, crash and stop, the world that they are in, and what is found about the programs on them.

Reading order: `points` (what production code may say), `host` (the life of a machine), `world` (all of them, and the verbs of
faults), `findings` (what can go wrong, each with its report), `log` (what happened, by virtual time), `trial` (one seed).
"""
