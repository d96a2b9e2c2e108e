"""The pipeline, readable top to bottom, and the journal that makes it resumable."""
