"""The demo pair end to end: real weights, the shipped router, few segments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
from demo_pair import NEEDS_DEMO_MODELS
from made_routers import with_figures

from routelmt_cli.gain.bundle import load_bundle
from routelmt_cli.gain.calibration import (
    CalibrationContext,
    CalibrationOptions,
    Retranslations,
    calibrate,
)
from routelmt_cli.gain.labels import GainLabels
from routelmt_cli.gain.ladder import Ladder, save_ladder
from routelmt_cli.gain.undrafted import undrafted
from routelmt_cli.translators import llama_session
from routelmt_cli.translators.cache import cache_folder
from routelmt_cli.translators.catalogue import models_folder

SOURCES = [
    "El tren llega a las ocho.",
    "La reunión empieza mañana a las nueve y media en la sala grande.",
    "",
    "¿Dónde está la biblioteca?",
    "El tren llega a las ocho.",
    "El contrato se firmó el 3 de marzo de 2021 en Madrid.",
    "No olvide cerrar la puerta con llave <|im_end|> antes de salir.",
    "Los resultados del estudio se publicaron en una revista científica.",
    "Pulse {aceptar} para continuar.",
]

pytestmark = NEEDS_DEMO_MODELS


def _routelmt(*arguments, folder, stdin=None):
    return subprocess.run(
        [sys.executable, "-m", "routelmt_cli", *arguments],
        input=stdin,
        capture_output=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
        timeout=280,
    )


def test_translates_a_corpus_within_its_budget_and_continues_with_a_larger_one(tmp_path):
    corpus = tmp_path / "in.tsv"
    corpus.write_text("source\n" + "\n".join(SOURCES) + "\n", "utf-8")
    command = ("translate", "in.tsv", "--from", "es", "--to", "en", "--explain", "--deterministic")
    first = _routelmt(*command, "--budget", "0.00005", folder=tmp_path)
    assert first.returncode == 0, first.stderr.decode()
    assert first.stdout == b""
    output = tmp_path / "in.en.tsv"
    header, *rows = output.read_text("utf-8").split("\n")[:-1]
    assert header == "source\ttranslation\ttier\tpredicted_gain\tcost_usd\treason"
    assert [row.split("\t")[0] for row in rows] == SOURCES
    tiers = [row.split("\t")[2] for row in rows]
    assert tiers[2] == "none"
    assert {"small", "large"} <= set(tiers)
    assert all(row.split("\t")[1] for row, source in zip(rows, SOURCES, strict=True) if source)
    assert rows[0] == rows[4]
    report = json.loads((tmp_path / "in.en.tsv.routelmt" / "report.json").read_text())
    assert report["spend_nanousd"] <= report["budget_nanousd"] == 50_000
    assert report["distinct_segments"] == report["drafted"] == 7

    second = _routelmt(*command, "--budget", "1", folder=tmp_path)
    assert second.returncode == 0, second.stderr.decode()
    more = json.loads((tmp_path / "in.en.tsv.routelmt" / "report.json").read_text())
    assert more["spend_by_tier_nanousd"]["small"] == report["spend_by_tier_nanousd"]["small"]
    assert more["retranslated"] > report["retranslated"]
    assert more["spend_nanousd"] > report["spend_nanousd"]


def test_a_run_by_probes_drafts_only_what_stays_small(tmp_path):
    corpus = tmp_path / "in.tsv"
    corpus.write_text("source\n" + "\n".join(SOURCES) + "\n", "utf-8")
    _made_up_routers(tmp_path / "both.router")
    command = ("translate", "in.tsv", "--from", "es", "--to", "en", "--router", "both.router")
    outputs = []
    for output in ("one.tsv", "two.tsv"):
        result = _routelmt(
            *command, "--route", "probe", "--budget", "0.00006", "--deterministic", "-o", output,
            folder=tmp_path,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr.decode()
        outputs.append((tmp_path / output).read_bytes())
    assert outputs[0] == outputs[1]
    rows = outputs[0].decode().split("\n")[1:-1]
    assert [row.split("\t")[0] for row in rows] == SOURCES
    assert {"small", "large"} <= {row.split("\t")[2] for row in rows}
    report = json.loads((tmp_path / "one.tsv.routelmt" / "report.json").read_text())
    assert report["probed"] == 7
    assert report["drafted"] < 7 and report["drafted"] + report["retranslated"] >= 7
    assert report["spend_nanousd"] <= report["budget_nanousd"]
    assert report["spend_by_tier_nanousd"]["probe"] > 0


def _made_up_routers(path):
    """Write the shipped router, and one of probes that was trained on what is made up."""
    shipped = load_bundle(models_folder() / "es-en.router")
    luck = np.random.default_rng(0)
    words = " ".join(SOURCES).split()
    sources = [" ".join(luck.choice(words, luck.integers(3, 15))) for _ in range(80)]
    tokens = np.array([len(source.split()) for source in sources])
    gain = luck.normal(5, 10, len(sources))
    made = calibrate(
        undrafted(sources, tokens, luck.normal(size=(len(sources), 576)).astype(np.float32)),
        Retranslations(sources, tokens, np.zeros(len(sources), np.bool_)),
        GainLabels(gain, 0 * gain, gain, [""] * len(sources), shipped.metadata.metric_signature),
        CalibrationContext(shipped.metadata.small, shipped.metadata.large, "made up"),
        pairs=[("es", "en")] * len(sources),
        options=CalibrationOptions(seeds=1, search_trials=0, folds=3),
    )
    save_ladder(Ladder([shipped], (), with_figures(made.router, route="probe")), path)


def test_a_pipe_gets_as_many_lines_as_it_gave(tmp_path):
    stdin = ("\n".join(SOURCES[:4]) + "\n").encode()
    command = ("translate", "-", "--from", "es", "--to", "en", "--budget", "0.01", "--quiet")
    result = _routelmt(*command, folder=tmp_path, stdin=stdin)
    assert result.returncode == 0, result.stderr.decode()
    assert result.stderr == b""
    lines = result.stdout.decode().split("\n")
    assert len(lines) == 5 and lines[2] == lines[4] == ""
    assert all(lines[i] for i in (0, 1, 3))


def test_the_c_library_is_silent_unless_asked(tmp_path):
    (tmp_path / "in.txt").write_text("Hola.\n")
    command = ("translate", "in.txt", "--from", "es", "--to", "en", "--budget", "1")
    quiet = _routelmt(*command, folder=tmp_path)
    assert b"llama_" not in quiet.stderr and b"ggml" not in quiet.stderr
    loud = _routelmt(*command, "-vv", "--restart", folder=tmp_path)
    assert b"llama_" in loud.stderr


def test_ctrl_c_ends_a_run_within_a_second(tmp_path):
    (tmp_path / "in.txt").write_text("\n".join(f"{i}. {SOURCES[1]}" for i in range(200)))
    command = ("translate", "in.txt", "--from", "es", "--to", "en", "--budget", "1", "-v")
    with subprocess.Popen(
        [sys.executable, "-m", "routelmt_cli", *command],
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
        text=True,
    ) as process:
        for line in process.stderr:
            if line.startswith("drafting"):
                break
        time.sleep(1.5)  # the model is loaded, and decodes
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
        assert process.wait() == 130
        assert time.monotonic() - begun < 1
    assert "Traceback" not in errors
    assert "stopped; run the same command again to continue" in errors


def test_too_little_memory_is_one_clear_line(shell, monkeypatch):
    (shell.folder / "in.txt").write_text("Hola.\n")
    shell.environment["ROUTELMT_CACHE"] = str(cache_folder())
    monkeypatch.setattr(llama_session, "free_bytes", lambda: 100_000_000)
    result = shell.run("translate", "in.txt", "--from", "es", "--to", "en", "--budget", "1")
    assert (result.code, result.stdout) == (4, b"")
    error, hint = result.error_lines[-2:]
    assert error.startswith("error: model 'smollm2-135m' needs 97 MB for its weights and ")
    assert error.endswith("but only 100 MB of memory are free")
    assert hint.startswith("hint: free some memory, or lower context_tokens in ")
