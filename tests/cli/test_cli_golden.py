"""What each command prints, to the letter; ROUTELMT_UPDATE_GOLDEN=1 rewrites the files."""

from __future__ import annotations

import re

import pytest
import typer

# Help texts look otherwise in another typer; the options are checked in any.
TYPER = "0.29"

# The small stand-in spoils nearly every word of these and the large one none, but for the number:
# so they are sent whatever LightGBM makes of them.
GAINING = "captain carries history"
GUARDED = "the gardener carries 10131 of painted mountain weather"
CORPUS = [GAINING, "", GUARDED, GAINING]


@pytest.mark.skipif(not typer.__version__.startswith(f"{TYPER}."), reason=f"typer is not {TYPER}")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("help", ["--help"]),
        ("help_translate", ["translate", "--help"]),
        ("help_plan", ["plan", "--help"]),
        ("help_calibrate", ["calibrate", "--help"]),
        ("help_config", ["config", "--help"]),
        ("help_models", ["models", "--help"]),
        ("help_models_list", ["models", "list", "--help"]),
        ("help_models_show", ["models", "show", "--help"]),
        ("help_models_check", ["models", "check", "--help"]),
        ("help_models_pull", ["models", "pull", "--help"]),
        ("help_models_add", ["models", "add", "--help"]),
        ("help_report", ["report", "--help"]),
        ("help_runs", ["runs", "--help"]),
        ("help_runs_list", ["runs", "list", "--help"]),
        ("help_runs_clean", ["runs", "clean", "--help"]),
        ("help_models_bench", ["models", "bench", "--help"]),
        ("help_models_quantize", ["models", "quantize", "--help"]),
        ("help_models_prune", ["models", "prune", "--help"]),
    ],
)
def test_help(shell, golden, name, arguments):
    result = shell.run(*arguments)
    assert (result.code, result.stderr) == (0, "")
    golden(name, result.text)


@pytest.mark.parametrize("command", ["translate", "calibrate"])
def test_help_names_every_option_whole(shell, command):
    text = shell.run(command, "--help").text
    shared = "--output --from --to --small --large --budget --format --source-column --no-header"
    for option in f"{shared} --deterministic --overwrite --restart --quiet --verbose".split():
        assert option in text


def _both_streams(result):
    """Lay out an answer and the commentary beside it."""
    commentary = "\n".join(result.error_lines)
    return f"{result.stdout.decode()}--- stderr\n{commentary}\n"


def test_closing_table(shell, stand_ins, corpus, golden, mask_figures):
    result = shell.run("translate", "in.tsv", *stand_ins.options(), "--budget", "0.004")
    assert (result.code, result.stdout) == (0, b"")
    golden("closing_table", mask_figures("\n".join(result.error_lines) + "\n"))


def test_closing_table_without_a_retranslation(shell, stand_ins, golden):
    (shell.folder / "in.txt").write_text("Quiet harbour letter.\n\n")
    result = shell.run("translate", "in.txt", *stand_ins.options(), "--budget", "0.0000065")
    assert (result.code, result.stdout) == (0, b"")
    golden("closing_table_drafts_only", result.stderr)


def test_dry_run_before_anything_is_drafted(shell, stand_ins, corpus, golden):
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "0.004", "--dry-run"]
    result = shell.run(*command)
    assert result.code == 0
    golden("dry_run", _both_streams(result))
    assert [path.name for path in shell.folder.iterdir()] == ["in.tsv"]


def test_dry_run_with_a_budget_below_the_drafts(shell, stand_ins, corpus, golden):
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "0.001", "--dry-run"]
    result = shell.run(*command)
    assert result.code == 0
    golden("dry_run_too_small", _both_streams(result))


def test_dry_run_after_drafting(shell, stand_ins, corpus, golden, mask_figures):
    command = ["translate", "in.tsv", *stand_ins.options(), "-o", "out.tsv", "--budget"]
    assert shell.run(*command, "0.003").code == 0
    result = shell.run(*command, "0.004", "--dry-run")
    assert result.code == 0
    golden("dry_run_drafted", mask_figures(_both_streams(result)))


def test_explain(shell, stand_ins, golden, mask_figures):
    (shell.folder / "in.tsv").write_text("source\n" + "\n".join(CORPUS) + "\n")
    command = ["translate", "in.tsv", *stand_ins.options(), "--explain", "-o", "out.tsv"]
    assert shell.run(*command, "--budget", "1").code == 0
    lines = (shell.folder / "out.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    column = rows[0].index("predicted_gain")
    for row in rows[1:]:
        row[column] = mask_figures(row[column]).strip()
    golden("explain", "\n".join("\t".join(row) for row in rows) + "\n")


def test_calibrate_report(shell, stand_ins, corpus, golden, mask_figures, little_training):
    command = ["calibrate", "in.tsv", "--small", stand_ins.small, "--large", stand_ins.large]
    result = shell.run(*command, "--from", "en", "--to", "de", "-o", "new.router", "--folds", "3")
    assert result.code == 0
    report = mask_figures(_both_streams(result))
    # What was chosen and whether it is ahead depends on LightGBM's version too.
    golden("calibrate_report", re.sub(r"(?m)^(mix: |beats|ahead|no better).*$", "...", report))
    again = shell.run(
        "translate", "in.tsv", *stand_ins.options()[:4], "--router", "new.router", "--budget", "1"
    )
    assert again.code == 0


def test_models_show_prints_the_card_as_it_is(shell, stand_ins):
    result = shell.run("models", "show", stand_ins.small)
    assert result.code == 0
    assert result.stdout == stand_ins.small.read_bytes()


def test_models_list_names_cards_and_licences(shell):
    result = shell.run("models", "list")
    assert (result.code, result.stderr) == (0, "")
    rows = [line.split("\t") for line in result.text.splitlines()]
    cards = {row[0]: row[1:] for row in rows if len(row) == 4}
    assert list(cards) == sorted(cards)
    assert {"gemma3-270m", "smollm2-135m", "lmt-60-0.6b", "qwen3-8b"} <= cards.keys()
    assert cards["smollm2-135m"][1] == "Apache-2.0"
    assert cards["qwen3-8b"][1:] == ["Apache-2.0", "to be pulled"]


def test_models_check_of_a_stand_in(shell, stand_ins):
    result = shell.run("models", "check", stand_ins.small)
    assert (result.code, result.stderr) == (0, "")
    assert result.text == "stand-in-small: a stand-in, it has no weights\n"


def test_the_command_alone_shows_its_help(shell):
    assert shell.run() == shell.run("--help")


def test_version(shell):
    result = shell.run("--version")
    assert result.code == 0
    assert result.text.startswith("routelmt ")
