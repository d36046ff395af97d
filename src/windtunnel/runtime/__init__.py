"""Floor 1: what makes a core or a procedure run on an asyncio loop, simulated or real.

`rpc` gives procedures calls with deadlines; `codec` turns messages into bytes and back; `wal` keeps a node's records on a
real disk; `driver` moves a core and batches its effects per loop turn; `host` is the real world of a procedure.
"""
