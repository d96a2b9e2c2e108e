"""The source language that nobody names: as a run was begun with it, or else as the texts tell.

A corpus and a target language go in, a code comes out. What always holds: a run that is continued
keeps the language that it was begun with, whatever the detection would say by then; texts that
are in the target language already are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from routelmt_cli.errors import UsageError
from routelmt_cli.run import folder as run_folder
from routelmt_cli.run import output
from routelmt_cli.run.corpus_input import CorpusInput
from routelmt_cli.run.folder import RunFiles
from routelmt_cli.run.language_detection import (
    can_detect,
    detect_language,
    sample_of,
    sample_texts,
)
from routelmt_cli.run.options import TranslateOptions
from routelmt_cli.run.progress import Progress

SOURCE_LANGUAGE = "source language (--from)"
"""Its name in a run's identity."""


def translated_from(
    source: CorpusInput, options: TranslateOptions, progress: Progress, target_language: str
) -> str | None:
    """Find the source language of a ``translate``; see ``language_of_run``."""
    path = None if options.restart else output.output_path(options, target_language)
    # Of standard output the run's folder is found by its identity, the language included.
    folder = None if path is None else run_folder.beside(path)
    return language_of_run(source, folder, target_language, progress)


def language_of_run(
    source: CorpusInput, folder: Path | None, target_language: str, progress: Progress
) -> str | None:
    """Find the source language of a run, and say how.

    Parameters
    ----------
    source
        The run's corpus.
    folder
        Where a run may have been begun already; None for a new one.
    target_language
        Where the translations are to go.
    progress
        Who watches.

    Returns
    -------
    str | None
        A code; None where the extra that detects languages is not installed.

    Raises
    ------
    UsageError
        The texts do not tell, or they are in the target language.
    """
    known = None if folder is None else _begun_with(source, folder)
    if known is not None:
        progress.note(f"source language: {known} (as this run was begun)")
        return known
    if not can_detect():
        return None
    return _detected(source.name, sample_texts(source.corpus), target_language, progress)


def language_of_texts(
    name: str, texts: Sequence[str], target_language: str, progress: Progress
) -> str | None:
    """Find the language of texts that are read already; see ``language_of_run``."""
    if not can_detect():
        return None
    return _detected(name, sample_of(texts), target_language, progress)


def _detected(name: str, sample: Sequence[str], target_language: str, progress: Progress) -> str:
    detection = detect_language(name, sample)
    language = detection.language
    if language.split("-")[0] == target_language.replace("_", "-").split("-")[0].lower():
        raise UsageError(
            f"{name} seems to be in {language} already, the target language",
            hint="add --from CODE, or name another target with --to",
        )
    for line in detection.remarks():
        progress.note(line)
    return language


def _begun_with(source: CorpusInput, folder: Path) -> str | None:
    """Return the language of a run on the same corpus."""
    known = RunFiles(folder).describe()
    if known is None or known["identity"].get("input file") != source.sha256:
        return None
    language = known["identity"].get(SOURCE_LANGUAGE)
    return None if language is None else str(language)
