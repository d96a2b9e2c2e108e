"""Values of options from files and the environment, and ``routelmt config``."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def config(shell):
    """The user's folder of configuration."""
    folder = shell.folder / "config"
    folder.mkdir()
    shell.environment["ROUTELMT_CONFIG"] = str(folder)
    return folder


@pytest.fixture
def here(shell):
    """Write ``routelmt.toml`` in the working folder."""

    def write(text):
        (shell.folder / "routelmt.toml").write_text(text, "utf-8")

    return write


@pytest.fixture
def options(shell):
    """Ask for the effective options of a command."""

    def ask(command="translate"):
        result = shell.run("config", command, "--json")
        assert (result.code, result.stderr) == (0, "")
        return json.loads(result.text)["options"]

    return ask


def test_a_command_line_may_be_as_short_as_the_settings_are_long(shell, stand_ins, corpus, here):
    shell.environment["ROUTELMT_BUDGET"] = "0.004"
    here(
        f'small = "{stand_ins.small}"\nlarge = "{stand_ins.large}"\nrouter = "{stand_ins.router}"\n'
        "[translate]\nexplain = true\n"
    )
    result = shell.run("translate", "in.tsv")
    assert result.code == 0, result.stderr
    assert "budget $0.004, " in result.stderr
    header = (shell.folder / "in.de.tsv").read_text("utf-8").splitlines()[0]
    assert "predicted_gain" in header
    # The run is the one that the whole command line asks for.
    whole = ["translate", "in.tsv", *stand_ins.options(), "--budget", "0.004", "--explain"]
    del shell.environment["ROUTELMT_BUDGET"]
    (shell.folder / "routelmt.toml").unlink()
    again = shell.run(*whole)
    assert again.error_lines == result.error_lines


def test_each_source_goes_before_those_below_it(shell, config, here, options):
    assert options()["guard"] == {"value": None, "origin": "default"}
    user = config / "routelmt.toml"
    user.write_text("guard = 0.1\nsmall = 'qwen3-0.6b'\n[plan]\nguard = 0.15\n")
    assert options()["guard"] == {"value": "0.1", "origin": str(user)}
    assert options("plan")["guard"]["value"] == "0.15"
    here("guard = 0.2")
    assert options()["guard"] == {"value": "0.2", "origin": "routelmt.toml"}
    assert options("plan")["guard"]["value"] == "0.2"
    shell.environment["ROUTELMT_GUARD"] = "0.3"
    assert options()["guard"] == {"value": "0.3", "origin": "ROUTELMT_GUARD"}
    shell.environment["ROUTELMT_PLAN_GUARD"] = "0.4"
    assert options()["guard"]["value"] == "0.3"
    assert options("plan")["guard"] == {"value": "0.4", "origin": "ROUTELMT_PLAN_GUARD"}
    assert options()["small"] == {"value": "qwen3-0.6b", "origin": str(user)}
    assert options("calibrate")["small"]["value"] == "qwen3-0.6b"
    assert options()["large"] == {"value": "gemma3-270m", "origin": "default"}


def test_the_command_line_goes_before_all(shell, stand_ins, corpus):
    shell.environment |= {"ROUTELMT_BUDGET": "0.000001", "ROUTELMT_QUIET": "no"}
    command = ["translate", "in.tsv", *stand_ins.options()]
    assert shell.run(*command).code == 3
    assert shell.run(*command, "--budget", "0.004").code == 0


def test_a_budget_for_all_is_none_for_a_plan(shell, stand_ins, corpus, here, options):
    here("budget = 1")
    assert options("plan")["budget"]["value"] == "nothing is spent"
    assert options("calibrate")["budget"]["origin"] == "default"
    result = shell.run("plan", "in.tsv", *stand_ins.options())
    assert result.code == 2 and "drafts are missing" in result.stderr
    here("[plan]\nbudget = 1")
    assert shell.run("plan", "in.tsv", *stand_ins.options()).code == 0


def test_the_table(shell, config, here):
    here("explain = true\nbudget = '$5'\n")
    result = shell.run("config")
    assert result.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in result.text.splitlines()}
    assert rows["explain"] == ["True", "routelmt.toml"]
    assert rows["budget"] == ["$5", "routelmt.toml"]
    assert rows["weight"] == ["length", "default"]
    assert not {"restart", "overwrite", "output", "force-router"} & rows.keys()
    assert result.error_lines == [
        f"{config / 'routelmt.toml'} (not there)",
        str(shell.folder / "routelmt.toml"),
    ]


def test_paths_are_seen_from_their_file(shell, config, here, options):
    user = "small = 'cards/mine.toml'\nrouter = '~/a.router'\nlarge = 'gemma3-270m'\n"
    (config / "routelmt.toml").write_text(user)
    found = options()
    assert found["small"]["value"] == str(config / "cards" / "mine.toml")
    assert found["router"]["value"] == str(shell.folder / "a.router")
    assert found["large"]["value"] == "gemma3-270m"
    here("small = 'cards/mine.toml'")
    assert options()["small"]["value"] == "cards/mine.toml"


def test_tiers_are_a_list(shell, config, here, options):
    (config / "routelmt.toml").write_text("tier = ['cards/nano.toml', 'gemma3-270m']\n")
    expected = [str(config / "cards" / "nano.toml"), "gemma3-270m"]
    assert options()["tier"]["value"] == expected
    assert options("calibrate")["tier"]["value"] == expected


WRONG = {
    "no TOML": ("budget = ", "routelmt.toml: not valid TOML: "),
    "an unknown key": ("bugdet = 5", "routelmt.toml: 'bugdet' is no setting"),
    "an unknown section": ("[models]\nx = 1", "routelmt.toml: there is no section [models]"),
    "a key of another command": ("[plan]\nexplain = true", "routelmt.toml: [plan] 'explain' is no"),
    "a key of a section": ("sample = 5", "routelmt.toml: 'sample' is no setting"),
    "what is only typed": ("restart = true", "'restart' can only be given on the command line"),
    "a switch that is none": ("explain = 1", "'explain' must be true or false"),
    "a truth that is none": ("budget = true", "'budget' must be a text or a number"),
    "a list": ("budget = [1]", "'budget' must be a text or a number"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_settings(shell, here, fails, corpus, text, message):
    here(text)
    error, _ = fails("translate", "in.tsv", "--budget", "1")
    assert message in error
    # What has no settings is not in their way.
    assert shell.run("models", "check", "none").error_lines[0].endswith("is called 'none'")
    assert shell.run("translate", "--help").code == 0


def test_wrong_settings_have_hints(here, fails, corpus):
    here("bugdet = 5")
    assert fails("translate", "in.tsv")[1] == "hint: did you mean 'budget'?"
    here("sample = 5")
    assert fails("translate", "in.tsv")[1] == "hint: put it under [plan]"


def test_a_wrong_value_is_found_where_it_is_set(shell, here, fails, corpus):
    here("budget = 'much'")
    error, hint = fails("translate", "in.tsv")
    assert "'much'" in error and hint.endswith("--budget is set in routelmt.toml")
    error, hint = fails("translate", "in.tsv", "--budget", "more")
    assert "'more'" in error and "set in" not in (hint or "")
    shell.environment["ROUTELMT_GUARD"] = "much"
    error, hint = fails("translate", "in.tsv", "--budget", "1")
    assert "'--guard'" in error and hint == "hint: --guard is set in ROUTELMT_GUARD"
    shell.environment["ROUTELMT_EXPLAIN"] = "perhaps"
    error, _ = fails("translate", "in.tsv", "--budget", "1")
    assert error == "error: ROUTELMT_EXPLAIN must be true or false"


def test_no_variable_restarts_or_overwrites(shell, stand_ins, corpus):
    shell.environment |= {"ROUTELMT_RESTART": "1", "ROUTELMT_TRANSLATE_OVERWRITE": "1"}
    (shell.folder / "out.tsv").write_text("mine")
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "1", "-o", "out.tsv"]
    assert shell.run(*command).code == 2
    assert (shell.folder / "out.tsv").read_text() == "mine"


def test_a_shell_completes_commands_options_and_cards(shell):
    def complete(words):
        shell.environment |= {"_ROUTELMT_COMPLETE": "complete_bash"}
        shell.environment |= {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        return shell.run().text.split()

    assert complete("routelmt tr") == ["translate"]
    assert "--budget" in complete("routelmt translate --b")
    assert complete("routelmt translate in.tsv --small qwen3-0") == ["qwen3-0.6b"]
    assert "smollm2-135m" in complete("routelmt models check ")


def test_a_shell_is_given_its_script(shell):
    shell.environment["_ROUTELMT_COMPLETE"] = "source_bash"
    result = shell.run()
    assert result.code == 0
    assert "_ROUTELMT_COMPLETE=complete_bash" in result.text
