"""Transactions: isolation levels and the anomalies that rule them out.

Reading order: `levels` (the lattice), `anomalies` (what can be found), `dependencies` (the graph), `lists`, `list_append` and
`list_anomalies` (how they are read off a history), `cycles` (the algorithm), `words` (explanations), `isolation` (around them).
"""
