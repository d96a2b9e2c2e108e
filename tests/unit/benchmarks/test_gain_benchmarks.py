"""The benchmarks of the router print one line of JSON for sets of translations of any system."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from made_given import given_rows, write_rows

from routelmt_cli.gain.calibration import CalibrationOptions

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
NAMES = {"small": "draft", "large": "retranslation"}


@pytest.fixture
def sets(tmp_path):
    """Two sets, one of them with system names in its file name."""
    paths = []
    for seed, name in enumerate(("en-de.Small.Large.tsv", "en-fr.tsv")):
        rows = [
            {NAMES.get(key, key): value for key, value in row.items()}
            for row in given_rows(count=110, seed=seed)
        ]
        paths.append(write_rows(tmp_path / name, rows))
    return paths


def run(script, *arguments):
    result = subprocess.run(
        [sys.executable, BENCHMARKS / script, *arguments], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    (text,) = result.stdout.splitlines()
    return json.loads(text)


def test_gain_reports_a_router_beside_the_rule_and_the_oracle(sets):
    line = run("gain.py", sets[0], "--routers", "prior", "--prior-from", sets[1])
    (found,) = line["recovered_share_at_0.3"].values()
    assert found["rule"]
    assert all(found[name] <= 1 for name in ("prior", "best rule", "true draft quality"))
    assert found["prior: error of its lead"] >= 0
    assert line["mean"]["prior"] == found["prior"]
    assert line["prior_from"] == ["en-fr"]


def test_guard_counts_severe_regressions_of_what_is_routed(sets, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    guard, translated_sets = map(import_module, ("guard", "translated_sets"))
    first, second = translated_sets.read_set(sets[1]).split()
    router = first.calibrate(options=CalibrationOptions(seeds=1, search_trials=0)).router
    half = guard.measure(router, second, 0.2)
    assert half["segments"] == len(second) == 44
    assert half["severe"] <= half["routed"] <= half["routed without guard"] == 13
    assert half["severe of all"] == np.sum(second.labels.gain <= -10)
    rates = guard.rates([half, {**half, "severe of all": 44}])
    assert rates["random"] == pytest.approx((half["severe of all"] + 44) / 88, abs=1e-4)
