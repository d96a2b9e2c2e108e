"""Build what would be released, install it in fresh environments, and use it from another folder.

    make release-check

Wheel and source distribution are each installed into a virtual environment outside of the checkout,
with nothing of the checkout in reach but a copy of examples/es-en.tsv; from there the demo pair
translates it within a budget, and rows, money and report are checked. Not part of the test suite:
it takes minutes.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "examples" / "es-en.tsv"
BUDGET = "0.0015"
BUDGET_NANOUSD = 1_500_000


def say(text: str) -> None:
    """Say one line at once."""
    print(text, file=sys.stderr, flush=True)


class Installed:
    """One artifact in an environment of its own, used from an empty folder."""

    def __init__(self, artifact: Path, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir(parents=True)
        self._bin = folder / "venv" / "bin"
        kept = {name: os.environ[name] for name in ("LANG", "CC", "CXX") if name in os.environ}
        kept |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        path = f"{self._bin}:{os.environ['PATH']}"
        home = os.environ["HOME"]  # where pip keeps its settings, and the wheel of llama.cpp
        self._environment = {**kept, "PATH": path, "HOME": home}
        self._environment |= {
            name: str(folder / name) for name in ("ROUTELMT_CACHE", "ROUTELMT_CONFIG")
        }
        venv.create(folder / "venv", with_pip=True)
        self.run("python", "-m", "pip", "install", "--quiet", f"{artifact}[demo]")

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the environment; it must succeed."""
        result = subprocess.run(
            [str(self._bin / program), *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
        )
        if result.returncode:
            sys.exit(f"{program} {' '.join(arguments)}: {result.returncode}\n{result.stderr}")
        return result.stdout


def check(artifact: Path, folder: Path) -> None:
    """Install one artifact and use it."""
    say(f"{artifact.name}: installing")
    own = Installed(artifact, folder)
    place = own.run("python", "-c", "import routelmt_cli; print(routelmt_cli.__file__)").strip()
    assert Path(place).is_relative_to(folder), f"not the installed package: {place}"
    version = artifact.name.split("-")[1].removesuffix(".tar.gz")
    assert version in own.run("routelmt", "--version")
    assert "translate" in own.run("routelmt", "--help")
    assert "--budget" in own.run("routelmt", "translate", "--help")
    listed = own.run("routelmt", "models", "list")
    assert "smollm2-135m" in listed and "es-en" in listed, "cards or router are not in the package"
    for card in ("smollm2-135m", "gemma3-270m"):
        own.run("routelmt", "models", "check", card)
    translate(own, artifact.name)


def translate(own: Installed, name: str) -> None:
    """Translate the example with the demo pair, and look at all that it leaves."""
    shutil.copy(CORPUS, own.folder / "es-en.tsv")
    given = table(own.folder / "es-en.tsv")
    say(f"{name}: translating {len(given)} segments with the demo pair")
    languages = ("--from", "es", "--to", "en")
    own.run("routelmt", "translate", "es-en.tsv", *languages, "--budget", BUDGET)
    # 'es-en.en.tsv': beside the input, as it is where -o is not given.
    rows, run = table(own.folder / "es-en.en.tsv"), own.folder / "es-en.en.tsv.routelmt"
    assert [{key: row[key] for key in one} for one, row in zip(given, rows, strict=True)] == given
    assert all(bool(row["translation"].strip()) == bool(row["source"].strip()) for row in rows)
    report = json.loads((run / "report.json").read_text("utf-8"))
    assert report["segments"] == len(rows)
    assert report["budget_nanousd"] == BUDGET_NANOUSD
    assert 0 < report["spend_nanousd"] <= BUDGET_NANOUSD
    counted = Counter(row["tier"] for row in rows)
    assert {"small", "large"} <= set(counted)
    told = {**report["segments_by_tier"], "none": report["blank_segments"] + report["left"]}
    assert counted == Counter(told), f"{dict(counted)} in the output, {told} in the report"
    assert "<html" in (run / "report.html").read_text("utf-8")
    # Typed again, it is done: nothing is bought, and the output is the same.
    before = (own.folder / "es-en.en.tsv").read_bytes()
    own.run("routelmt", "translate", "es-en.tsv", *languages, "--budget", BUDGET)
    assert (own.folder / "es-en.en.tsv").read_bytes() == before
    again = json.loads((run / "report.json").read_text("utf-8"))
    assert again["spend_nanousd"] == report["spend_nanousd"]
    say(f"{name}: {report['spend_nanousd']} of {BUDGET_NANOUSD} nanodollars spent, {dict(counted)}")


def table(path: Path) -> list[dict[str, str]]:
    """Read a TSV with a header."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def main() -> None:
    """Build and check both artifacts."""
    with tempfile.TemporaryDirectory(prefix="routelmt-release-") as scratch:
        folder = Path(scratch)
        say("building")
        command = [sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(ROOT)]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode:
            sys.exit(built.stdout + built.stderr)
        artifacts = sorted((folder / "dist").iterdir())
        assert sorted(path.suffix for path in artifacts) == [".gz", ".whl"]
        for artifact in artifacts:
            check(artifact, folder / artifact.suffix.strip("."))
    say("both work from another folder")


if __name__ == "__main__":
    main()
