"""The page of a run in a real browser: its script runs, and no other may; it looks like a page."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000"]


@pytest.fixture
def page(shell, stand_ins, corpus):
    """Translate the small corpus; return its page."""
    result = shell.run("translate", "in.tsv", *stand_ins.options(), "--budget", "0.004")
    assert result.code == 0, result.stderr
    return shell.folder / "in.de.tsv.routelmt" / "report.html"


def dom_of(path, folder):
    """Return what a browser makes of a page, its script run."""
    command = [BROWSER, *OPTIONS, f"--user-data-dir={folder / 'browser'}", "--dump-dom"]
    run = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_its_script_runs_and_one_that_was_put_in_does_not(page, tmp_path):
    text = page.read_text("utf-8")
    cards = len(re.findall(r'class="card"', text))
    uncounted = text.replace(f">{cards} segments<", ">not counted<", 1)
    assert cards and uncounted != text
    intruder = '<script>document.body.id = "taken"</script><img src=x onerror="document.title=1">'
    changed = tmp_path / "changed.html"
    changed.write_text(uncounted.replace("</main>", f"{intruder}</main>", 1), "utf-8")
    assert intruder in changed.read_text("utf-8")
    dom = dom_of(changed, tmp_path)
    assert f">{cards} segments<" in dom  # its own script counted them
    assert 'id="taken"' not in dom.replace(intruder, "").split("<main", 1)[0]
    assert "<title>1</title>" not in dom
