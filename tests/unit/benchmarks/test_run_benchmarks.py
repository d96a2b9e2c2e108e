"""The benchmarks of whole runs print one line of JSON each."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faulty_disk import compiler

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def line_of(script, *options):
    command = [sys.executable, BENCHMARKS / script, *options]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    return json.loads(line)


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler")
def test_safety():
    line = line_of("safety.py", "--kills", "2", "--seed", "1")
    assert line["stand_in"]["faults"] >= 2
    assert sum(line["stand_in"]["by_stage"].values()) == line["stand_in"]["faults"]
    assert "demo_pair" not in line


@pytest.mark.parametrize("options", [[], ["--parquet"]])
def test_soak(tmp_path, options):
    options = [*options, "--segments", "300", "--deterministic", "--folder", str(tmp_path)]
    line = line_of("soak.py", *options)
    assert line["segments"] >= line["distinct_segments"] > line["retranslated"] > 0
    assert line["peak_memory_mib"] >= line["imports_memory_mib"] > 0
    assert 0 < line["outside_translator"] <= line["seconds"]["all"]
    assert line["journal_bytes_per_segment"] > 0
    assert list(tmp_path.iterdir()) == []


def test_stream():
    line = line_of("stream.py", "--segments", "4000", "--block", "16")
    for rows in line["of_the_plan_of_the_whole"].values():
        assert all(0 < row["first come"] < row["stream"] <= 1 for row in rows.values())
    steady = line["of_the_plan_of_the_whole"]["steady"]
    assert all(row["stream"] > 0.95 for row in steady.values())


def test_endpoint(tmp_path):
    sizes = ["--segments", "60", "--milliseconds", "20", "--rounds", "1", "--parallel", "4", "8"]
    line = line_of("endpoint.py", *sizes, "--folder", str(tmp_path))
    assert list(line["parallel"]) == ["4", "8"]
    assert all(0 < one["of_ideal"] <= 1 for one in line["parallel"].values())
    assert list(tmp_path.iterdir()) == []


def test_knapsack_of_several_tiers():
    line = line_of("knapsack.py", "--sizes", "2000", "--repeats", "1", "--options", "3")
    (row,) = line["results"]
    assert 0 <= row["gap"] < 1e-4
    assert 0 < row["chosen"] < 2000


def test_tiers(ladder, tmp_path):
    work = tmp_path / "work"
    shutil.copytree(ladder.router, work / "ladder.router")  # so that no model is made or trained
    tiers = [option for card in ladder.cards.values() for option in ("--tier", card)]
    rows = ["--from", "en", "--to", "de", "--train", "1-60", "--rows", "1-118"]
    line = line_of("tiers.py", ladder.corpus, *tiers, *rows, "--work", work)
    assert line["tiers"] == ["nano", "mid", "top"]
    assert line["chrf_everywhere"]["drafts alone"] < line["chrf_everywhere"]["top"]
    for found in (line["routers"], line["oracle"]):
        assert found["best_pair"] in ("mid", "top")
        ahead = found["mean_gain"]["all tiers"] - found["mean_gain"][found["best_pair"]]
        assert found["ahead"] == pytest.approx(ahead, abs=0.002)
    # Who knows what everything gains never loses by having one more to choose from.
    assert line["oracle"]["ahead"] > 0


def test_probes(probing, tmp_path):
    work = tmp_path / "work"
    shutil.copytree(probing.router, work / "both.router")
    pair = ["--from", "en", "--to", "de", "--small", probing.small, "--large", probing.large]
    rows = ["--train", "1-60", "--rows", "1-118", "--factors", "1", "4"]
    line = line_of("probes.py", probing.corpus, *pair, *rows, "--work", work)
    assert 0 < line["stands_alone"] < 1
    for found in line["price_of_drafts_times"].values():
        assert 0 < found["probes"] < found["drafts"] < found["least_budget_by_drafts"]
        assert list(found["gain_at"]) and found["all_budgets"]["budgets"] == len(found["gain_at"])
        first, last = (list(found["gain_at"].values())[place] for place in (0, -1))
        assert all(0 < low < high for low, high in zip(first, last, strict=True))
        seen = found["all_budgets"]
        ahead = seen["mean_gain_by_probes"] - seen["mean_gain_by_drafts"]
        assert seen["ahead"] == pytest.approx(ahead, abs=0.002)


def test_routing(stand_ins, tmp_path):
    pair = ["--from", "en", "--to", "de", "--small", stand_ins.small, "--large", stand_ins.large]
    rest = ["--router", stand_ins.router, "--budget", "0.004", "--work", tmp_path / "work"]
    line = line_of("routing.py", stand_ins.corpus, *pair, *rest)
    scores = line["chrf"]
    assert scores["all small"] < scores["random"] < scores["router"] < scores["all large"]
    assert line["spend_nanousd"] <= line["budget_nanousd"]
