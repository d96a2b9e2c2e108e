"""Budgeted hybrid translation: spend dollars on the large model where they buy most quality."""

__version__ = "0.1.0"
