"""What the journal keeps of a hypothesis, and journals of other versions."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_db import journal_db

from routelmt_cli.errors import UsageError
from routelmt_cli.run import journal_file as module
from routelmt_cli.run.hypotheses import COLUMNS, Hypothesis, from_row, to_row
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.journal_file import JOURNAL_VERSION
from routelmt_cli.run.prediction import draft_table

KEPT = ("token_entropies", "token_margins", "state")
# The tables of version 1 that differ, as routelmt 0.1.0 made them.
VERSION_1 = """
CREATE TABLE hypotheses (
    tier TEXT NOT NULL,
    item INTEGER NOT NULL,
    text TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    token_logprobs BLOB,
    failure TEXT,
    spend_nanousd INTEGER NOT NULL CHECK (spend_nanousd >= 0),
    PRIMARY KEY (tier, item)
) WITHOUT ROWID;
"""


def array(*values):
    return np.array(values, np.float32)


def hypothesis(item, **options):
    defaults = {"token_logprobs": array(-0.1, -2), "failure": None, "spend_nanousd": 1}
    return Hypothesis(item, f"text {item}", 3, 2, False, **{**defaults, **options})


def drafted(item, **options):
    kept = {
        "token_entropies": array(0.25, 1.5),
        "token_margins": array(8, 0.125),
        "state": array(item, -2, 0.5, 4),
    }
    return hypothesis(item, **{**kept, **options})


def write(journal, hypotheses):
    items = np.array([one.item for one in hypotheses], np.int64)
    wave = journal.reserve("small", items, np.full(len(items), 5), budget_nanousd=10**9)
    journal.settle(wave, hypotheses)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


def test_statistics_and_states_come_back_or_are_none(path):
    with Journal(path) as journal:
        write(journal, [drafted(0), hypothesis(1), drafted(2, state=None)])
    with Journal(path) as journal:
        full, bare, stateless = journal.hypotheses("small", [0, 1, 2])
    for name in KEPT:
        values = getattr(full, name)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, getattr(drafted(0), name))
        assert getattr(bare, name) is None
    assert stateless.state is None
    np.testing.assert_array_equal(stateless.token_margins, [8, 0.125])


numbers = st.floats(-1e5, 1e5, width=32)


@given(values=st.lists(numbers, max_size=9), logprobs=st.lists(numbers, max_size=9))
@settings(deadline=None)
def test_a_row_keeps_half_precision_and_no_infinities(values, logprobs):
    kept = hypothesis(7, state=array(*values), token_logprobs=array(*logprobs))
    row = to_row("small", kept)
    assert len(row) == 1 + len(COLUMNS.split(", "))
    back = from_row(row[1:])
    np.testing.assert_array_equal(back.token_logprobs, kept.token_logprobs)  # those are exact
    expected = np.clip(kept.state, -65504, 65504)
    np.testing.assert_allclose(back.state, expected, rtol=1e-3, atol=1e-7)
    state = COLUMNS.split(", ").index("state")
    assert len(row[1:][state]) == 2 * len(values)


def make_version_1(path):
    with Journal(path) as journal:
        write(journal, [hypothesis(0), hypothesis(1)])
        journal.set_meta({"input": "in.tsv"})
    db = sqlite3.connect(path)
    old = "tier, " + COLUMNS.split(", token_entropies")[0]
    rows = db.execute(f"SELECT {old} FROM hypotheses").fetchall()
    db.executescript("DROP TABLE hypotheses;" + VERSION_1)
    db.executemany("INSERT INTO hypotheses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    drop_marks(db)
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()


def drop_marks(db):
    """Leave out what version 3 lacks."""
    db.execute("ALTER TABLE reservations DROP COLUMN is_sent")


def test_a_journal_of_version_1_goes_on(path):
    make_version_1(path)
    with Journal(path) as journal:
        journal.audit()
        assert journal.meta("input") == "in.tsv"
        assert journal.spend_nanousd() == 2
        for old in journal.hypotheses("small", [0, 1]):
            assert [getattr(old, name) for name in KEPT] == [None] * 3
            np.testing.assert_array_equal(old.token_logprobs, array(-0.1, -2))
        write(journal, [drafted(2)])
    with Journal(path) as journal:  # and is of this version now
        (new,) = journal.hypotheses("small", [2])
        np.testing.assert_array_equal(new.state, [2, -2, 0.5, 4])
        journal.audit()
    with journal_db(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (JOURNAL_VERSION,)


def test_a_journal_of_version_2_goes_on(path):
    with Journal(path) as journal:
        write(journal, [drafted(0)])
    with journal_db(path) as db:
        db.execute("ALTER TABLE hypotheses DROP COLUMN text_crc")
        drop_marks(db)
        db.execute("PRAGMA user_version = 2")
    with Journal(path) as journal:
        journal.audit()
        write(journal, [drafted(1)])
        assert journal.texts("small", [0, 1]) == {0: "text 0", 1: "text 1"}


def test_an_unsettled_wave_of_version_3_was_not_sent_to_a_server(path):
    with Journal(path) as journal:
        wave = reserve(journal, 3)
        journal.settle(wave, [drafted(0)])
    with journal_db(path) as db:
        drop_marks(db)
        db.execute("PRAGMA user_version = 3")
    with Journal(path) as journal:
        wave = journal.unsettled_wave("small")
        assert journal.unanswered(wave) == []
        journal.mark_sent("small", 2)
        assert journal.unanswered(wave) == [2]


def reserve(journal, items):
    worst = np.full(items, 5)
    return journal.reserve("small", np.arange(items), worst, budget_nanousd=10**9)


def test_what_was_sent_and_not_settled_is_unanswered(path):
    with Journal(path) as journal:
        reserve(journal, 4)
        for item in (3, 0, 1):
            journal.mark_sent("small", item)
    with Journal(path) as journal:
        wave = journal.unsettled_wave("small")
        journal.settle(wave, [drafted(1)])
        assert journal.unanswered(wave) == [0, 3]
        journal.unmark_sent("large")
        assert journal.unanswered(wave) == [0, 3]
        journal.unmark_sent("small")
        assert journal.unanswered(wave) == []
        journal.audit()


def test_no_two_waves_have_the_same_name(path, tmp_path):
    names = []
    with Journal(path) as journal:
        for _ in range(3):
            wave = reserve(journal, 1)
            names.append(journal.wave_name(wave))
            journal.settle(wave, [drafted(0, failure="lost")])
            journal.release_failed("small", [0])  # so that no row of the wave is left
    with Journal(path) as journal:
        wave = reserve(journal, 1)
        names.append(journal.wave_name(wave))
        assert journal.wave_name(journal.unsettled_wave("small")) == names[-1]
    with Journal(tmp_path / "other.sqlite") as journal:
        names.append(journal.wave_name(reserve(journal, 1)))
    assert len(set(names)) == 5


def test_what_is_charged_in_full_is_counted(path):
    with Journal(path) as journal:
        assert journal.unmetered("small") == (0, 0)
        wave = reserve(journal, 3)
        journal.settle(wave, [drafted(0), drafted(1, unmetered=True, spend_nanousd=5)])
        lost = drafted(2, unmetered=True, spend_nanousd=4, failure="lost")
        journal.settle(wave, [lost])
        journal.release_failed("small", [2])
        assert journal.unmetered("small") == (2, 9)
        assert journal.spend_nanousd() == 10
    with Journal(path) as journal:
        assert journal.unmetered("small") == (2, 9)


@pytest.mark.parametrize("text", ["text 1", "", "Text 0"])
def test_a_text_that_has_changed_is_noticed(path, text):
    with Journal(path) as journal:
        write(journal, [drafted(0)])
    with journal_db(path) as db:
        db.execute("UPDATE hypotheses SET text = ?", (text,))
    with Journal(path) as journal:
        journal.audit()
        for read in (journal.texts, journal.hypotheses):
            with pytest.raises(UsageError, match="small hypothesis of item 0 has changed"):
                read("small", [0])


def test_a_migration_that_is_cut_off_changes_nothing(path, monkeypatch):
    make_version_1(path)
    with monkeypatch.context() as patch:
        broken = {1: module._MIGRATIONS[1] + "; ALTER TABLE nothing ADD COLUMN more BLOB"}
        patch.setattr(module, "_MIGRATIONS", broken)
        with pytest.raises(Exception, match="nothing"):
            Journal(path)
    with Journal(path) as journal:
        assert journal.count("small") == 2


def test_a_journal_of_a_newer_version_is_refused(path):
    with Journal(path), journal_db(path) as db:
        db.execute(f"PRAGMA user_version = {JOURNAL_VERSION + 1}")
    with pytest.raises(UsageError, match=f"journal version {JOURNAL_VERSION + 1}") as caught:
        Journal(path)
    assert "--restart" in caught.value.hint


def table_of(path, hypotheses):
    items = np.array([one.item for one in hypotheses], np.int64)
    segments = SimpleNamespace(
        sources=SimpleNamespace(take=lambda taken: [f"source {item}" for item in taken])
    )
    small = SimpleNamespace(name="small", source_tokens=np.full(100, 3, np.int64))
    with Journal(path) as journal:
        write(journal, hypotheses)
        return draft_table(journal, segments, small, items)


def test_a_draft_table_holds_what_every_draft_has(path):
    table = table_of(path, [drafted(4), drafted(1)])
    assert table.drafts == ["text 4", "text 1"]
    np.testing.assert_array_equal(table.states, [[4, -2, 0.5, 4], [1, -2, 0.5, 4]])
    np.testing.assert_array_equal(table.token_entropies, [[0.25, 1.5]] * 2)
    np.testing.assert_array_equal(table.token_margins, [[8, 0.125]] * 2)


@pytest.mark.parametrize("missing", KEPT)
def test_a_draft_table_leaves_out_what_one_draft_lacks(path, missing):
    table = table_of(path, [drafted(0), drafted(1, **{missing: None})])
    names = dict(zip(KEPT, ("token_entropies", "token_margins", "states"), strict=True))
    for name, column in names.items():
        assert (getattr(table, column) is None) == (name == missing)
    assert len(table.token_logprobs) == 2


def test_a_failed_draft_takes_nothing_from_the_others(path):
    failed = hypothesis(1, token_logprobs=None, failure="made to fail")
    table = table_of(path, [drafted(0), failed])
    assert [len(values) for values in table.token_entropies] == [2, 0]
    assert [len(values) for values in table.token_margins] == [2, 0]
    assert np.isfinite(table.states[0]).all()
    assert np.isnan(table.states[1]).all()


def test_a_table_of_nothing_has_no_states(path):
    assert table_of(path, [hypothesis(0, failure="made to fail")]).states is None
