"""The source language of a run that nobody names: as it was begun, or else as the texts tell.

A corpus and a target language go in, a code comes out. What always holds: a run that is continued
keeps the language that it was begun with, whatever the detection would say by then; a corpus that
is in the target language already is refused.
"""

from __future__ import annotations

from routelmt_cli.errors import UsageError
from routelmt_cli.run import folder as run_folder
from routelmt_cli.run import output
from routelmt_cli.run.corpus_input import CorpusInput
from routelmt_cli.run.folder import RunFiles
from routelmt_cli.run.language_detection import can_detect, detect_language
from routelmt_cli.run.options import TranslateOptions
from routelmt_cli.run.progress import Progress

SOURCE_LANGUAGE = "source language (--from)"
"""Its name in a run's identity."""


def find_source_language(
    source: CorpusInput, options: TranslateOptions, progress: Progress, target_language: str
) -> str | None:
    """Find the source language of a run, and say how.

    Parameters
    ----------
    source
        The run's corpus.
    options
        What to do.
    progress
        Who watches.
    target_language
        Where the translations are to go.

    Returns
    -------
    str | None
        A code; None where the extra that detects languages is not installed.

    Raises
    ------
    UsageError
        The texts do not tell, or they are in the target language.
    """
    known = None if options.restart else _begun_with(source, options, target_language)
    if known is not None:
        progress.note(f"source language: {known} (as this run was begun)")
        return known
    if not can_detect():
        return None
    detection = detect_language(source.corpus)
    language = detection.language
    if language.split("-")[0] == target_language.replace("_", "-").split("-")[0].lower():
        raise UsageError(
            f"{source.name} seems to be in {language} already, the target language",
            hint="add --from CODE, or name another target with --to",
        )
    for line in detection.remarks():
        progress.note(line)
    return language


def _begun_with(source: CorpusInput, options: TranslateOptions, target_language: str) -> str | None:
    """Return the language of a run on the same corpus that has the same output."""
    path = output.output_path(options, target_language)
    if path is None:
        return None  # the run's folder is found by its identity, the language included
    known = RunFiles(run_folder.beside(path)).describe()
    if known is None or known["identity"].get("input file") != source.sha256:
        return None
    language = known["identity"].get(SOURCE_LANGUAGE)
    return None if language is None else str(language)
