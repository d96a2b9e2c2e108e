"""The same with the demo pair under ``--deterministic``: killed or not, same bytes, same spend.

Needs the models' packages and the shipped es-en router.
"""

from __future__ import annotations

import sqlite3
import time

import pytest
from demo_pair import NEEDS_DEMO_MODELS
from journal_db import journal_db

from routelmt_cli.run.journal import Journal
from routelmt_cli.translators.cache import cache_folder
from routelmt_cli.translators.catalogue import models_folder

pytestmark = [
    *NEEDS_DEMO_MODELS,
    pytest.mark.skipif(
        not (models_folder() / "es-en.router").exists(), reason="there is no es-en router"
    ),
]

BUDGET = "0.0002"
SIGKILLED = -9
TIMEOUT_SECONDS = 400
SOURCES = """\
El perro duerme al sol.
Mañana lloverá en el norte.
¿Cuánto cuesta este libro?
La reunión empieza a las nueve y media.
Cierre la puerta con llave antes de salir.
El paciente no presenta fiebre.
Los precios subieron un 3,5 % en mayo.
No encuentro mis gafas por ninguna parte.
La empresa abrirá dos tiendas nuevas en Lima.
Pulse el botón rojo para detener la máquina.
Mi hermana estudia derecho en Salamanca.
El acuerdo se firmó ayer en Ginebra.
Añada sal y pimienta al gusto.
El puente fue construido en 1902.
Vivimos cerca de la estación de tren.
El contrato vence el 31 de diciembre.
Tengo hambre.
El museo recibió a más de mil visitantes en su primer día.
"""


@pytest.fixture
def lines(shell):
    (shell.folder / "in.txt").write_text(SOURCES, "utf-8")
    # Weights are assembled and tried once a machine, not once a test.
    shell.environment["ROUTELMT_CACHE"] = str(cache_folder())

    def command(name):
        return (
            *("translate", "in.txt", "-o", name, "--from", "es", "--to", "en"),
            *("--budget", BUDGET, "--deterministic", "--quiet"),
        )

    return command


def finish(shell, command):
    # llama.cpp's threads wait for each other: on a busy machine a run takes many times as long.
    with shell.start(*command) as process:
        try:
            _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, b"")


def bought(journal, tier):
    try:
        with journal_db(f"file:{journal}?mode=ro", uri=True) as db:
            row = db.execute("SELECT count(*) FROM hypotheses WHERE tier = ?", (tier,)).fetchone()
            return row[0]
    except sqlite3.OperationalError:
        return 0  # not made yet


def ledger(folder):
    with Journal(folder / "journal.sqlite") as journal:
        journal.audit()
        assert journal.outstanding_nanousd() == 0
    with journal_db(folder / "journal.sqlite") as db:
        rows = db.execute("SELECT * FROM hypotheses ORDER BY tier, item").fetchall()
        return rows, db.execute("SELECT * FROM totals ORDER BY tier").fetchall()


def test_interrupted_and_undisturbed_runs_are_the_same(shell, lines):
    finish(shell, lines("whole.txt"))
    expected = (shell.folder / "whole.txt").read_bytes()
    assert expected.count(b"\n") == SOURCES.count("\n")

    journal = shell.folder / "cut.txt.routelmt" / "journal.sqlite"
    kills = 0
    for tier, least in (("small", 1), ("small", 17), ("large", 1)):
        with shell.start(*lines("cut.txt")) as process:
            while process.poll() is None and bought(journal, tier) < least:
                time.sleep(0.002)
            process.kill()
        assert process.returncode in (0, SIGKILLED)
        kills += process.returncode == SIGKILLED
    assert kills >= 2
    finish(shell, lines("cut.txt"))

    assert (shell.folder / "cut.txt").read_bytes() == expected
    rows, totals = ledger(shell.folder / "cut.txt.routelmt")
    assert (rows, totals) == ledger(shell.folder / "whole.txt.routelmt")
    assert {row[0] for row in rows} == {"small", "large"}
    assert sum(total[1] for total in totals) <= 200_000
