"""Where a user's own settings and model cards lie: the folder of configuration.

Nothing is made or read here.
"""

from __future__ import annotations

import os
from pathlib import Path


def config_folder() -> Path:
    """Return the user's folder: ``ROUTELMT_CONFIG``, or the platform's place for configuration."""
    named = os.environ.get("ROUTELMT_CONFIG")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path

    return user_config_path("routelmt")


def user_models_folder() -> Path:
    """Return the folder of the user's model cards."""
    return config_folder() / "models"
