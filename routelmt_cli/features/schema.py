"""Names, order and version of the features.

A router bundle states the version and names that it was trained on; another version or list is
refused when it is loaded, so a column never changes its meaning silently. Raise
``SCHEMA_VERSION`` whenever a name, the order or the meaning of a feature changes.
"""

from __future__ import annotations

from routelmt_cli.features import background, decoding, draft, source

SCHEMA_VERSION: int = 3
"""Version of the features' names, order and meaning."""

FEATURE_NAMES: tuple[str, ...] = source.NAMES + background.NAMES + draft.NAMES + decoding.NAMES
"""Columns of the feature matrix, in order."""
