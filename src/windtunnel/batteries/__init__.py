"""Small servers that real clients talk to: Redis, an object store, a mail sink.

Plain asyncio and the standard library: they know nothing of a simulator. On a simulated host they run in virtual time, on its
disk and its network; started by `python -m windtunnel.batteries.redis` they run for real.
"""
