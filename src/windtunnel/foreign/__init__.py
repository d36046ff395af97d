"""Floor 2: programs in any language, run as nodes: the Maelstrom protocol over stdin and stdout, in virtual time.

Reading order: `messages` (the protocol), `quiet` (whether a program waits), `program` (one process), `tasks` (clients as
coroutines), `cluster` (nodes, network, faults, one clock).
"""

from windtunnel.foreign.cluster import Cluster
from windtunnel.foreign.messages import RpcError
from windtunnel.foreign.program import Caps, Program, ProgramFailed

__all__ = ["Caps", "Cluster", "Program", "ProgramFailed", "RpcError"]
