"""Floor 0: the vocabulary that every other floor speaks; it imports nothing of ours.

Reading order: `outbox` (what a core may ask of its world), `messages` and `interface` (what travels), `system` (a
catalogue entry), `properties` (what must hold), `host` (the world of a procedure), `world` (the verbs of faults), `stage`
(a cluster moved by hand), `streams` (randomness), `units`, `errors`.
"""
