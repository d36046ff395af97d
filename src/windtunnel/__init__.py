"""windtunnel: a wind tunnel for distributed systems.

Importing the package loads nothing else: take what you need from its floors, lowest first
(`windtunnel.base`, `windtunnel.systems`, `windtunnel.sim`, `windtunnel.scenarios`).
"""

__version__ = "0.1.0"
