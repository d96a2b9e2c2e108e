"""``--json``: every command that prints something has it, and prints one document and no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from made_up import SOURCES

from routelmt_cli.cli.main import app
from routelmt_cli.gain.bundle import load_bundle
from routelmt_cli.gain.calibration import Calibration
from routelmt_cli.run import calibration
from routelmt_cli.run.calibration import CalibrationResult

MODELS = "--small SMALL --large LARGE"
RUN = f"in.tsv {MODELS} --router ROUTER"
SCORES = "--draft-score low --retranslation-score high --draft-column source"
COMMANDS = {
    "translate": f"{RUN} --budget 0.004",
    "translate --dry-run": f"{RUN} --budget 0.004",
    "translate --dry-run --share 9%": f"{RUN} -o new.tsv",
    "plan": RUN,
    "calibrate": f"scored.tsv {MODELS} --from en --to de -o new.router",
    "evaluate": f"scored.tsv --router ROUTER --large LARGE {SCORES} "
    "--retranslation-column other --samples 50",
    "report": "in.de.tsv",
    "config": "",
    "models list": "",
    "models show": "SMALL",
    "models check": "SMALL",
    "runs list": "",
    "runs clean": "--yes",
}
"""In an order in which each has what it is about."""

# What needs model files is run with --json where they are made.
ELSEWHERE = {
    "models add": "test_models_add.py",
    "models bench": "test_models_bench.py",
    "models prune": "test_models_prune.py",
    "models pull": "test_models_pull.py",
    "models quantize": "test_models_quantize.py",
}


def leaves(group, *path):
    """Yield every command that does something, by its words."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, *path, name)
        else:
            yield " ".join([*path, name]), command


ALL = dict(leaves(typer.main.get_command(app)))


def test_every_command_has_it():
    options = {
        name: [o for one in command.params for o in one.opts] for name, command in ALL.items()
    }
    assert [name for name, known in options.items() if "--json" not in known] == []
    run_here = {name.partition(" --")[0] for name in COMMANDS}
    assert run_here | ELSEWHERE.keys() == ALL.keys() and not run_here & ELSEWHERE.keys()


@pytest.mark.parametrize(("name", "file"), ELSEWHERE.items())
def test_those_that_need_model_files_are_run_elsewhere(name, file):
    text = (Path(__file__).parent / file).read_text("utf-8")
    assert '"--json"' in text and f'"{name.split()[1]}"' in text


@pytest.fixture
def run(shell, stand_ins, corpus, monkeypatch):
    """Run commands in which words in capitals stand for files."""
    router = load_bundle(stand_ins.router)
    made = CalibrationResult({"large": Calibration(router, None, None, 0.0)}, 12_345)
    monkeypatch.setattr(calibration, "calibrate", lambda *_: made)
    files = {"SMALL": stand_ins.small, "LARGE": stand_ins.large, "ROUTER": stand_ins.router}
    rows = [
        f"{text}\t{text}\t{row % 7}\t{row % 5 + 2}\n"
        for row, text in enumerate(SOURCES)
        if text.strip()
    ]
    (shell.folder / "scored.tsv").write_text("source\tother\tlow\thigh\n" + "".join(rows))

    def words(line):
        return [files.get(word, word) for word in line.split()]

    return lambda name, line: shell.run(*words(name), *words(line), "--json")


def test_each_prints_one_document_in_ascii(run):
    found = {}
    for name, line in COMMANDS.items():
        result = run(name, line)
        assert result.code == 0, (name, result.stderr)
        assert result.stdout.endswith(b"\n") and result.stdout.isascii()
        found[name] = json.loads(result.stdout)
        assert json.dumps(found[name], allow_nan=False)  # no NaN, which JSON does not have
        assert isinstance(found[name], list if name.startswith("runs ") else dict), name
    assert found["report"] == found["translate"]
    estimate = found["translate --dry-run"]
    assert estimate["spent_nanousd"] == found["translate"]["spend_nanousd"]
    assert estimate["begun"] and estimate["plan"]["retranslations"] >= 0
    unlimited = found["translate --dry-run --share 9%"]
    assert (unlimited["plan"], unlimited["share"], unlimited["budget_is_given"]) == (
        None,
        0.09,
        False,
    )
    assert found["calibrate"]["spend_nanousd"] == 12_345
    assert found["calibrate"]["languages"] == ["en-de"]
    assert found["calibrate"]["figures"]["systems"]
    assert [one["removed"] for one in found["runs clean"]] == [True]
    assert found["runs clean"][0]["folder"] == found["runs list"][0]["folder"]


def test_what_was_not_removed_says_why(run, shell):
    assert json.loads(run("runs clean", "").stdout) == []
    run("translate", COMMANDS["translate"])
    result = shell.run("runs", "clean", "--json", stdin=b"n\n")
    (kept,) = json.loads(result.stdout)
    assert (kept["removed"], kept["kept_because"]) == (False, "the answer was no")
    assert (shell.folder / "in.de.tsv.routelmt").exists()


def test_json_and_translations_do_not_share_standard_output(fails, stand_ins, corpus, shell):
    models = ["--small", stand_ins.small, "--large", stand_ins.large, "--router", stand_ins.router]
    for where in (["in.tsv", "-o", "-"], ["-", "--format", "tsv"]):
        command = ["translate", *where, *models, "--budget", "0.004", "--json"]
        error, hint = fails(*command)
        assert "--json and the translations would both go to standard output" in error
        assert "-o" in hint
        assert json.loads(shell.run(*command, "--dry-run", stdin=corpus.read_bytes()).stdout)
