"""Atomic commitment: one decision for all who took part in a transaction."""
