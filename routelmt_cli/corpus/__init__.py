"""The corpus room: files <-> segments.

It reads TSV, CSV, parquet, JSONL and plain text as a stream of batches of source segments, and
writes the same rows again with columns added. Order and row count are always preserved and what the
user wrote is kept byte for byte. It knows nothing of models, gain or budget.
"""
