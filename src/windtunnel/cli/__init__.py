"""Floor 6: the command line. Nobody imports it; its commands do not import each other.

`entry` finds the command and turns every way in which it can end into an exit code: 0 valid, 1 invalid, 2 unknown, 3 wrong
usage, 130 Ctrl-C. One module per command; each has `EXAMPLES`, `JSON` (what its object holds), `configure(parser)` and
`execute(args)`. `flags` are those that commands share, `output` is how they speak, `meter` is how they show progress,
`showing` is how they run and show runs.
"""

from windtunnel.cli.entry import main

__all__ = ["main"]
