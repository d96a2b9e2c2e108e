"""The script that builds the benchmarks' data, against a server on loopback."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "fetch_data.py"


class _Corpora(BaseHTTPRequestHandler):
    """Serves three lines under every name; the second draft is empty."""

    def do_GET(self):
        name = self.path.rsplit("/", 1)[1]
        if "missing" in self.path:
            self.send_error(404)
            return
        second = "" if ".hyp." in name else f"two\tof   {name}"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"one of {name}\r\n{second}\nthree\n".encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def base():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Corpora)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def _fetch(folder, base):
    return subprocess.run(
        [sys.executable, SCRIPT, folder, "--base", base], capture_output=True, text=True
    )


def test_builds_every_file_that_the_benchmarks_read(tmp_path, base):
    result = _fetch(tmp_path, base)
    assert result.returncode == 0, result.stderr
    assert len(list(tmp_path.glob("wmt22/*.tsv"))) == 12
    assert len(list(tmp_path.glob("wmt23/*.tsv"))) == 4
    rows = (tmp_path / "ntrex" / "es-en.tsv").read_text().splitlines()
    assert rows == [
        "id\tsource\treference",
        "0\tone of newstest2019-ref.spa.txt\tone of newstest2019-src.eng.txt",
        "1\ttwo of newstest2019-ref.spa.txt\ttwo of newstest2019-src.eng.txt",
        "2\tthree\tthree",
    ]


def test_leaves_out_rows_with_an_empty_cell(tmp_path, base):
    _fetch(tmp_path, base)
    rows = (tmp_path / "wmt23" / "de-en.tsv").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows] == ["id", "0", "1"]
    assert rows[0].split("\t")[3:] == ["draft", "retranslation"]


def test_says_what_cannot_be_fetched(tmp_path, base):
    result = _fetch(tmp_path, f"{base}/missing")
    assert result.returncode == 1
    assert result.stderr.startswith("error: cannot fetch http://127.0.0.1")
    assert "Traceback" not in result.stderr
