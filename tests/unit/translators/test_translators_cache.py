"""The cache folder, and files in it that are never seen half written."""

from __future__ import annotations

import os
import stat

import pytest

from routelmt_cli.translators.cache import cache_folder, write_atomically


def test_the_cache_is_where_the_user_says_and_private(tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTELMT_CACHE", str(tmp_path / "deep" / "cache"))
    folder = cache_folder()
    assert folder == tmp_path / "deep" / "cache"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_home_folder_may_be_named_by_its_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ROUTELMT_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"


def test_the_platform_has_a_place_for_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("ROUTELMT_CACHE", "")
    assert cache_folder().name == "routelmt"


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "facts.json"
    write_atomically(path, b"first, and longer")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, error):
    path = tmp_path / "facts.json"
    write_atomically(path, b"old")

    def fail(_):
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
