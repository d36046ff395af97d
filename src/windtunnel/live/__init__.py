"""The live world: the same systems as operating-system processes, on TCP, files and real clocks.

`cluster` has the world, `node` the program that each process runs, `transport` the messages between them, `proxy` the links
that can be cut, `processes` the children and how none of them is left behind. How it all works, and what it cannot do:
docs/explanation/live-world.md.
"""
