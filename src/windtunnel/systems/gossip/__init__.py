"""Gossip: everybody hears of everything in the end, and nobody is in charge."""
