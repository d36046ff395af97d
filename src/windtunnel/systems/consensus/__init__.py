"""Consensus: many servers, one decision, or one sequence of them."""
