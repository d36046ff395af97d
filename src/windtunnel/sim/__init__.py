"""The simulated world: one clock, one heap, one seed."""
