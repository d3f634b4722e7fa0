"""Queries that learn what the search understands (MGQRe)."""
