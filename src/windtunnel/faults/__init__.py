"""Faults: plans as data, profiles to draw them from, and the nemesis that carries them out on any world."""

from windtunnel.faults.nemesis import Nemesis
from windtunnel.faults.plan import VERBS, Fault, Plan, Step
from windtunnel.faults.profiles import COMBINATIONS, PROFILES, Profile, draw, intensities
from windtunnel.faults.shapes import SHAPES

__all__ = ["COMBINATIONS", "PROFILES", "SHAPES", "VERBS", "Fault", "Nemesis", "Plan", "Profile", "Step", "draw", "intensities"]
