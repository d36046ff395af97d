"""Published latencies, each with who said it, when, and of which hardware. None of them is true of your machine: measure."""

from __future__ import annotations

from typing import NamedTuple

DEAN = "Dean, keynote at LADIS 2009, 'Designs, lessons and advice from building large distributed systems'"
SCOTT = "Scott, 'Latency numbers every programmer should know', 2020 (extrapolated by a model, not measured)"


class Rung(NamedTuple):
    """One row. seconds: as published. hardware: what the source says of it."""

    name: str
    what: str
    seconds: float
    year: int
    hardware: str
    source: str


LADDER: tuple[Rung, ...] = (
    Rung("l1", "L1 cache reference", 0.5e-9, 2009, "server of 2009, not named", DEAN),
    Rung("branch", "branch mispredicted", 5e-9, 2009, "server of 2009, not named", DEAN),
    Rung("l2", "L2 cache reference", 7e-9, 2009, "server of 2009, not named", DEAN),
    Rung("mutex", "mutex locked and unlocked", 25e-9, 2009, "server of 2009, not named", DEAN),
    Rung("ram", "main memory reference", 100e-9, 2009, "server of 2009, not named", DEAN),
    Rung("compress-1k", "1 kB compressed, cheap algorithm", 3e-6, 2009, "server of 2009, Zippy", DEAN),
    Rung("ram-1m-2020", "1 MB read from memory in order", 3e-6, 2020, "model of a commodity server", SCOTT),
    Rung("ssd-4k", "4 kB read from an SSD at random", 16e-6, 2020, "model of a commodity SSD", SCOTT),
    Rung("send-2k", "2 kB sent over 1 Gb/s", 20e-6, 2009, "1 Gb/s Ethernet", DEAN),
    Rung("ssd-1m", "1 MB read from an SSD in order", 49e-6, 2020, "model of a commodity SSD", SCOTT),
    Rung("ram-1m", "1 MB read from memory in order", 250e-6, 2009, "server of 2009: 4 GB/s", DEAN),
    Rung("datacenter", "round trip within a data centre", 500e-6, 2009, "data centre network of 2009", DEAN),
    Rung("seek", "disk seek", 10e-3, 2009, "spinning disk", DEAN),
    Rung("disk-1m", "1 MB read from a disk in order", 20e-3, 2009, "spinning disk: 50 MB/s", DEAN),
    Rung("atlantic", "packet California - Netherlands - California", 150e-3, 2009, "public network", DEAN),
)
MEASURED = {
    "mutex": "a Python lock taken and released, interpreter included",
    "ram-1m": "1 MB read from memory in order (numpy sum over 64 MB)",
    "compress-1k": "1 kB compressed by zlib, level 1",
    "ssd-4k": "4 kB read at random, past the page cache",
    "syscall": "a system call (getppid), interpreter included",
    "page-cache-4k": "4 kB read from the page cache",
    "fsync": "4 kB written and synced",
    "loopback": "round trip over TCP on this machine, two threads",
}
"""What `--measure` can measure here, by name of the row, or a row of its own."""
