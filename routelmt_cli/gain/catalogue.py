"""Find the router of a run: the user's bundle, or the shipped one of the language pair."""

from __future__ import annotations

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.bundle import load_bundle
from routelmt_cli.gain.router import Router
from routelmt_cli.translators.catalogue import models_folder


def shipped_routers() -> list[Router]:
    """Load every shipped router, ordered by name."""
    return [load_bundle(path) for path in sorted(models_folder().glob("*.router"))]


def no_router(source_language: str, target_language: str, small: str, large: str) -> UsageError:
    """Return the error for a pair that has no router, with what there is."""
    shipped = [
        f"{router.metadata.source_language}-{router.metadata.target_language} "
        f"({router.metadata.small.name} + {router.metadata.large.name})"
        for router in shipped_routers()
    ]
    return UsageError(
        f"no router for {source_language}-{target_language} with {small} + {large}; "
        f"shipped: {', '.join(shipped) or 'none'}",
        hint="make one from a corpus with references: routelmt calibrate CORPUS "
        f"--from {source_language} --to {target_language} -o NAME.router",
    )
