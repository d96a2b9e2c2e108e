"""``--engine ray``: the same run, whoever decodes, whoever is lost, whoever goes on with it."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import threading
import time

import pytest
from demo_pair import NEEDS_DEMO_MODELS
from journal_db import journal_db
from made_up import SOURCES, write_card

from routelmt_cli.errors import ExitCode
from routelmt_cli.run.engines import ray_cluster

NEEDS_RAY = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install '.[ray]'"
)
BUDGET = ("--budget", "0.003")
ENOUGH = ("--budget", "0.02")


@pytest.fixture
def command(corpus, stand_ins):
    """Make the words of a ``translate``."""

    def make(output, *more, budget=BUDGET, **cards):
        pair = {"small": stand_ins.small, "large": stand_ins.large, **cards}
        named = ["--small", pair["small"], "--large", pair["large"], "--router", stand_ins.router]
        force = ["--force-router"] if cards else []
        return ["translate", corpus, "-o", output, *named, *force, *budget, *more]

    return make


@pytest.fixture
def on_cluster(shell, cluster):
    """Give the options of a run on the shared cluster, and let the shell's processes in."""
    shell.environment.update(cluster.environment)
    return ("--engine", "ray", "--address", cluster.address)


@pytest.fixture
def slow(tmp_path):
    """Write a card of a large model that takes its time."""
    path = write_card(tmp_path / "slow.toml", "large", seconds_per_request=0.02)
    path.write_text(path.read_text("utf-8") + "[ray]\nreplicas = 2\n", "utf-8")
    return path


def bought(folder):
    """Return every row that a run bought, and its spend by tier."""
    with journal_db(f"file:{folder / 'journal.sqlite'}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT * FROM hypotheses ORDER BY tier, item").fetchall()
        return rows, db.execute("SELECT * FROM totals ORDER BY tier").fetchall()


def count_retranslated(folder):
    try:
        return sum(row[0] == "large" for row in bought(folder)[0])
    except Exception:  # not there yet, or locked
        return 0


def wait_until(state):
    end = time.monotonic() + 60
    while not state():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def same(shell, read_ledger):
    """Check that two runs wrote the same, bought the same and paid the same."""

    def check(name, other):
        folders = [shell.folder / f"{one}.routelmt" for one in (name, other)]
        assert (shell.folder / name).read_bytes() == (shell.folder / other).read_bytes()
        assert bought(folders[0]) == bought(folders[1])
        ledger = read_ledger(folders[0])
        assert ledger.spend == sum(spend for spend, _ in ledger.totals.values())
        assert all(outstanding == 0 for _, outstanding in ledger.totals.values())

    return check


def run(shell, *words):
    """Run a command as a process; it has nothing to say but what is asked for."""
    result = shell.process(*words)
    assert (result.code, result.stderr) == (0, ""), result.stderr
    return result.stdout


def test_both_engines_write_and_pay_the_same(shell, command, on_cluster, same):
    mode = "--deterministic"
    assert shell.run(*command("local.tsv", "-q", mode)).code == 0
    assert run(shell, *command("ray.tsv", "-q", mode, *on_cluster)) == b""
    same("ray.tsv", "local.tsv")


def test_both_engines_probe_and_pay_the_same(shell, corpus, probing, on_cluster, same):
    mode = ["--route", "probe", "--deterministic", *BUDGET, "-q"]
    command = ["translate", corpus, *probing.options(), *mode, "-o"]
    assert shell.run(*command, "local.tsv").code == 0
    assert run(shell, *command, "ray.tsv", *on_cluster) == b""
    same("ray.tsv", "local.tsv")


@NEEDS_RAY
def test_a_cluster_of_this_machine_says_nothing_on_either_stream(shell, command):
    assert shell.run(*command("local.tsv", "-q")).code == 0
    written = run(shell, *command("-", "-q", "--engine", "ray"))
    assert written == (shell.folder / "local.tsv").read_bytes()


def test_a_lost_worker_costs_nothing(shell, command, on_cluster, cluster, same, slow):
    local = command("local.tsv", "-q", "--deterministic", budget=ENOUGH, large=slow)
    assert shell.run(*local).code == 0
    words = command("-", "-q", "--deterministic", *on_cluster, budget=ENOUGH, large=slow)
    process = shell.start(*words)
    (folder,) = iter_until(lambda: list(shell.cache.glob("runs/*")))
    wait_until(lambda: count_retranslated(folder) > 8)
    for pid in cluster.workers()[:2]:
        subprocess.run(["kill", "-KILL", str(pid)], check=False)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert out == (shell.folder / "local.tsv").read_bytes()
    assert bought(folder) == bought(shell.folder / "local.tsv.routelmt")


def iter_until(look):
    wait_until(look)
    return look()


@pytest.mark.parametrize(
    ("mode", "then"), [(("--deterministic",), "local"), ((), "ray")], ids=["local", "ray"]
)
def test_a_killed_run_goes_on_with_either_engine(
    shell, command, on_cluster, same, slow, mode, then
):
    words = {"budget": ENOUGH, "large": slow}
    assert shell.run(*command("whole.tsv", "-q", *mode, **words)).code == 0
    process = shell.start(*command("cut.tsv", "-q", *mode, *on_cluster, **words))
    folder = shell.folder / "cut.tsv.routelmt"
    wait_until(lambda: count_retranslated(folder) > 8)
    process.kill()
    process.communicate()
    before = bought(folder)[0]
    assert 8 < sum(row[0] == "large" for row in before) < len(SOURCES) - 20
    run(shell, *command("cut.tsv", "-q", *mode, *(on_cluster if then == "ray" else ()), **words))
    assert set(before) <= set(bought(folder)[0])
    same("cut.tsv", "whole.tsv")


def test_workers_that_die_again_and_again_end_the_run(shell, command, on_cluster, cluster, slow):
    process = shell.start(*command("out.tsv", *on_cluster, "-q", budget=ENOUGH, large=slow))
    wait_until(lambda: count_retranslated(shell.folder / "out.tsv.routelmt") > 0)
    ended = threading.Event()

    def reap():
        while not ended.is_set():
            for pid in cluster.workers():
                subprocess.run(["kill", "-KILL", str(pid)], check=False, stderr=subprocess.DEVNULL)

    reaper = threading.Thread(target=reap)
    reaper.start()
    try:
        _, err = process.communicate(timeout=60)
    finally:
        ended.set()
        reaper.join()
        process.kill()
    error, hint = err.decode().splitlines()
    assert process.returncode == ExitCode.MID_RUN
    assert error.startswith("error: ") and "workers" in error and "were lost" in error
    assert hint.startswith("hint: run the same command again")


def test_a_model_that_breaks_ends_the_run_and_it_can_be_continued(
    shell, command, on_cluster, tmp_path, read_ledger
):
    breaks = write_card(tmp_path / "breaks.toml", "large", die_on="orchard")
    words = command("out.tsv", "-q", budget=ENOUGH, large=breaks)
    ledgers = []
    for call in (lambda: shell.process(*words, *on_cluster), lambda: shell.run(*words)):
        result = call()
        assert (result.code, result.stdout) == (ExitCode.MID_RUN, b"")
        assert result.error_lines == [
            "error: the stand-in model broke, as its card asks",
            "hint: run the same command again to continue, nothing is paid twice",
        ]
        ledgers.append(read_ledger(shell.folder / "out.tsv.routelmt"))
    first, second = (ledger.bought for ledger in ledgers)
    assert first.items() <= second.items()
    assert {tier for tier, _ in first} == {"small", "large"}


@NEEDS_RAY
@pytest.mark.parametrize(
    ("number", "is_decoding"),
    [(signal.SIGINT, False), (signal.SIGTERM, True)],
    ids=["starting", "decoding"],
)
def test_a_signal_ends_it_soon(shell, command, slow, number, is_decoding):
    words = command("out.tsv", "-q", "--engine", "ray", budget=ENOUGH, large=slow)
    process = shell.start(*words)
    folder = shell.folder / "out.tsv.routelmt"
    wait_until((lambda: count_retranslated(folder) > 0) if is_decoding else folder.exists)
    if not is_decoding:
        time.sleep(0.7)  # the cluster is being started
    process.send_signal(number)
    begun = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - begun < 15
    assert (process.returncode, out) == (128 + number, b"")
    assert err.decode().splitlines() == [
        "stopped; run the same command again to continue, nothing is paid twice"
    ]


@pytest.mark.parametrize("section", ["num_cpus = 4000", "num_gpus = 64"])
def test_a_cluster_without_room_is_refused_before_anything_is_spent(
    shell, command, tmp_path, section, monkeypatch
):
    monkeypatch.setattr(ray_cluster, "refuse_missing", lambda: None)
    monkeypatch.setattr(ray_cluster, "_ANY_NUMBER", 8)
    card = write_card(tmp_path / "large.toml", "large")
    card.write_text(f"{card.read_text('utf-8')}[ray]\n{section}\n", "utf-8")
    result = shell.run(*command("out.tsv", "--engine", "ray", large=card))
    assert result.code == ExitCode.USAGE
    error, hint = result.error_lines[-2:]
    assert error.startswith("error: no node of the cluster has room for a worker of")
    assert hint.startswith("hint: change num_cpus or num_gpus in [ray] of ")
    assert not (shell.folder / "out.tsv.routelmt").exists()


def test_a_shared_cluster_without_room_is_refused(shell, command, on_cluster, tmp_path):
    card = write_card(tmp_path / "large.toml", "large")
    card.write_text(card.read_text("utf-8") + "[ray]\nnum_cpus = 5\n", "utf-8")
    result = shell.process(*command("out.tsv", "-q", *on_cluster, large=card))
    assert (result.code, len(result.error_lines)) == (ExitCode.USAGE, 2)
    assert "has room for a worker of 'stand-in-large': 5 CPU each" in result.stderr
    assert not (shell.folder / "out.tsv.routelmt").exists()


def test_without_ray_the_extra_is_named(shell, command, monkeypatch):
    monkeypatch.setattr(ray_cluster.importlib.util, "find_spec", lambda _: None)
    result = shell.run(*command("out.tsv", "-q", "--engine", "ray"))
    assert result.code == ExitCode.USAGE
    assert result.error_lines == [
        "error: --engine ray needs a package that is not installed: ray",
        "hint: pip install 'routelmt[ray]'",
    ]


@NEEDS_RAY
@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:1", "ray://127.0.0.1:1", "h:99999"])
def test_an_address_where_nothing_is_is_one_error(shell, command, address):
    result = shell.run(*command("out.tsv", "-q", "--engine", "ray", "--address", address))
    assert result.code == ExitCode.USAGE
    error, hint = result.error_lines
    assert error.startswith(f"error: no Ray cluster at '{address}': ")
    assert hint.startswith("hint: check --address: ")
    assert not (shell.folder / "out.tsv.routelmt").exists()


@NEEDS_RAY
def test_an_address_where_something_else_listens_is_not_waited_for_for_ever(
    shell, command, monkeypatch
):
    monkeypatch.setattr(ray_cluster, "_ANSWER_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        result = shell.run(*command("out.tsv", "-q", "--engine", "ray", "--address", address))
    assert result.code == ExitCode.USAGE
    assert result.error_lines[0] == (
        f"error: no Ray cluster at '{address}': no answer within 2 seconds"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engine", "spark"), "--engine 'spark' is no engine"),
        (("--address", "auto"), "--address is given without --engine ray"),
        (("--engine", "ray", "--address", ""), "--address is empty"),
    ],
)
def test_options_that_make_no_sense_are_refused(shell, command, options, message):
    result = shell.run(*command("out.tsv", *options))
    assert result.code == ExitCode.USAGE
    assert result.error_lines[0] == f"error: {message}"


def test_a_stream_stays_in_this_process(shell, stand_ins):
    result = shell.run(
        *("translate", "-", *stand_ins.options(), "--from", "en", "--to", "de", *BUDGET),
        *("--stream", "100", "--engine", "ray"),
    )
    assert result.code == ExitCode.USAGE
    assert result.error_lines[0] == "error: --stream does not go with --engine ray"


def test_the_engine_can_be_set_in_a_file(shell, command, monkeypatch):
    monkeypatch.setattr(ray_cluster.importlib.util, "find_spec", lambda _: None)
    (shell.folder / "routelmt.toml").write_text('engine = "ray"\n', "utf-8")
    result = shell.run(*command("out.tsv", "-q"))
    assert result.code == ExitCode.USAGE
    assert "--engine is set in routelmt.toml" in result.stderr
    assert shell.run(*command("out.tsv", "-q", "--engine", "local")).code == 0


def test_translate_goes_on_from_the_drafts_of_a_plan(shell, command, corpus, stand_ins, on_cluster):
    pair = [*stand_ins.options(), *BUDGET, "-o", "out.tsv", *on_cluster]
    assert shell.process("plan", corpus, *pair, "-q").code == 0
    folder = shell.folder / "out.tsv.routelmt"
    drafts = bought(folder)[0]
    assert shell.run(*command("out.tsv", "-q")).code == 0
    assert set(drafts) <= set(bought(folder)[0])


@pytest.mark.real_models
@NEEDS_RAY
@NEEDS_DEMO_MODELS[1]
def test_demo_models_write_the_same_bytes(shell, tmp_path, same):
    sources = ["El perro duerme.", "¿Qué hora es?", "Llueve mucho hoy en la ciudad.", "Gracias."]
    (tmp_path / "es.txt").write_text("".join(f"{one}\n" for one in sources), "utf-8")
    words = ["translate", "es.txt", "--from", "es", "--to", "en", "--deterministic", "-q"]
    words += ["--budget", "0.01"]
    assert shell.run(*words, "-o", "local.txt").code == 0
    run(shell, *words, "-o", "ray.txt", "--engine", "ray")
    same("ray.txt", "local.txt")
