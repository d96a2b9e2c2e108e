"""A model is tried in a child process: one that crashes there does not take a run down."""

from __future__ import annotations

import json

import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.translators import llama_selfcheck
from routelmt_cli.translators.llama_selfcheck import extra_buffers_work, refuse_broken_vocabulary

WITH_REPACKING, WITHOUT, VOCABULARY = "repacked", "plain", "vocabulary"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("ROUTELMT_CACHE", str(folder))
    return folder


@pytest.fixture
def trials(tmp_path, monkeypatch):
    """Children that note that they ran, and crash with a signal where they are told to."""

    def install(crash_on):
        log = tmp_path / "trials"
        log.write_text("")
        monkeypatch.setattr(
            llama_selfcheck,
            "_CHILD",
            "import os, sys\n"
            f"open({str(log)!r}, 'a').write(sys.argv[2])\n"
            f"if sys.argv[2] in {crash_on!r}: os.kill(os.getpid(), 11)\n",
        )
        return log

    return install


def test_a_model_that_runs_is_tried_once(trials, tmp_path):
    log = trials(crash_on="")
    assert extra_buffers_work(tmp_path / "w.gguf", "a" * 64)
    assert extra_buffers_work(tmp_path / "w.gguf", "a" * 64)
    assert log.read_text() == WITH_REPACKING


def test_a_crash_with_repacked_weights_is_remembered_too(trials, tmp_path):
    log = trials(crash_on=WITH_REPACKING)
    for _ in range(2):
        assert not extra_buffers_work(tmp_path / "w.gguf", "a" * 64)
    assert log.read_text() == WITH_REPACKING + WITHOUT


def test_a_vocabulary_that_loads_is_tried_once(trials, tmp_path):
    log = trials(crash_on=WITH_REPACKING + WITHOUT)
    for _ in range(2):
        refuse_broken_vocabulary(tmp_path / "w.gguf", "a" * 64)
    assert log.read_text() == VOCABULARY


def test_a_vocabulary_that_crashes_is_an_error_and_tried_again(trials, tmp_path, cache):
    log = trials(crash_on=VOCABULARY)
    for _ in range(2):
        with pytest.raises(UsageError, match=r"llama\.cpp cannot load this model"):
            refuse_broken_vocabulary(tmp_path / "w.gguf", "a" * 64)
    assert log.read_text() == VOCABULARY * 2
    assert not (cache / "selfcheck.json").exists()


def test_a_vocabulary_and_its_model_are_different_questions(trials, tmp_path):
    log = trials(crash_on=WITH_REPACKING)
    refuse_broken_vocabulary(tmp_path / "w.gguf", "a" * 64)
    assert not extra_buffers_work(tmp_path / "w.gguf", "a" * 64)
    refuse_broken_vocabulary(tmp_path / "w.gguf", "a" * 64)
    assert log.read_text() == VOCABULARY + WITH_REPACKING + WITHOUT


def test_other_weights_are_tried_on_their_own(trials, tmp_path):
    log = trials(crash_on="")
    extra_buffers_work(tmp_path / "w.gguf", "a" * 64)
    extra_buffers_work(tmp_path / "w.gguf", "b" * 64)
    assert log.read_text() == WITH_REPACKING * 2


def test_a_model_that_always_crashes_is_an_error_and_tried_again(trials, tmp_path, cache):
    log = trials(crash_on=WITH_REPACKING + WITHOUT)
    for _ in range(2):
        with pytest.raises(UsageError, match=r"llama\.cpp cannot run this model"):
            extra_buffers_work(tmp_path / "w.gguf", "a" * 64)
    assert log.read_text() == (WITH_REPACKING + WITHOUT) * 2
    assert not (cache / "selfcheck.json").exists()


@pytest.mark.parametrize("memory", [b"", b"\xff", b"[1]", b"null", b"{"])
def test_a_damaged_memory_is_forgotten(trials, tmp_path, cache, memory):
    (cache / "selfcheck.json").write_bytes(memory)
    trials(crash_on="")
    assert extra_buffers_work(tmp_path / "w.gguf", "a" * 64)
    assert len(json.loads((cache / "selfcheck.json").read_text())) == 1


def test_a_child_that_hangs_counts_as_a_crash(monkeypatch, tmp_path):
    monkeypatch.setattr(llama_selfcheck, "_CHILD", "import time; time.sleep(60)")
    monkeypatch.setattr(llama_selfcheck, "_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(UsageError, match="cannot run this model"):
        extra_buffers_work(tmp_path / "w.gguf", "a" * 64)


def test_an_interruption_of_the_child_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setattr(llama_selfcheck, "_CHILD", "import os; os.kill(os.getpid(), 15)")
    with pytest.raises(KeyboardInterrupt):
        extra_buffers_work(tmp_path / "w.gguf", "a" * 64)


def test_the_real_check_survives_a_file_of_garbage(tmp_path):
    path = tmp_path / "garbage.gguf"
    path.write_bytes(b"GGUF" + b"\xff" * 4096)
    with pytest.raises(UsageError, match="cannot run this model"):
        extra_buffers_work(path, "a" * 64)
