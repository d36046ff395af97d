"""Histories of transactions, as columns.

Reading order: `columns` (the nouns), `ingest` (from operations), `events` (from EDN and JSON), `reading` (all formats).
"""

from windtunnel.histories.transactions.columns import Transactions
from windtunnel.histories.transactions.ingest import transactions_of
from windtunnel.histories.transactions.reading import FORMATS, read_transactions

__all__ = ["FORMATS", "Transactions", "read_transactions", "transactions_of"]
