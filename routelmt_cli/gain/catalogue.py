"""Find the router of a run: the shipped ones, each for its own models, and the shipped prior.

The folder of shipped models goes in, routers come out. What always holds: the prior, which knows
no models and no language pair, is never among the routers; whether there is one is asked apart.
It decides nothing: :mod:`routelmt_cli.run.setup` does.
"""

from __future__ import annotations

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.bundle import load_bundle
from routelmt_cli.gain.metadata import RouterMetadata, pair_label
from routelmt_cli.gain.router import Router
from routelmt_cli.translators.catalogue import models_folder

SHIPPED_PRIOR = "prior.router"
"""Name of the shipped bundle that knows no models: a start for others, and better than nothing."""


def shipped_routers() -> list[Router]:
    """Load every shipped router, ordered by name."""
    paths = sorted(models_folder().glob("*.router"))
    return [load_bundle(path) for path in paths if path.name != SHIPPED_PRIOR]


def shipped_prior() -> Router | None:
    """Load the shipped prior, None where none is shipped."""
    path = models_folder() / SHIPPED_PRIOR
    return load_bundle(path) if path.is_dir() else None


def router_name(metadata: RouterMetadata) -> str:
    """Name a router by its language pairs.

    Parameters
    ----------
    metadata
        Of the router.

    Returns
    -------
    str
        Such as ``de-en, fr-en``; ``prior`` for one that knows no models.
    """
    return "prior" if metadata.is_prior else ", ".join(metadata.pair_labels)


def how_to_calibrate(source_language: str, target_language: str) -> str:
    """Give the command that makes a router of one's own.

    Parameters
    ----------
    source_language, target_language
        Codes of the run.
    """
    languages = f"--from {source_language} --to {target_language}"
    return f"routelmt calibrate CORPUS {languages} -o NAME.router"


def no_router(source_language: str, target_language: str, small: str, large: str) -> UsageError:
    """Return the error for a pair that has no router, with what there is."""
    shipped = [
        f"{router_name(router.metadata)} "
        f"({router.metadata.small.name} + {router.metadata.large.name})"
        for router in shipped_routers()
    ]
    return UsageError(
        f"no router for {pair_label(source_language, target_language)} with {small} + {large}; "
        f"shipped: {', '.join(shipped) or 'none'}",
        hint="make one from a corpus with references: "
        + how_to_calibrate(source_language, target_language),
    )
