"""Two runs on one output: one works, the other is told who does."""

from __future__ import annotations

import os
import re
import threading
import time

import pytest
from killed_run import DONE

from routelmt_cli.errors import UsageError
from routelmt_cli.run import lock
from routelmt_cli.run.folder import RunFolder

USAGE = 2


def test_many_started_at_once(make_run, sources):
    undisturbed = make_run("undisturbed")
    undisturbed.finish()
    runs = [make_run("contended") for _ in range(5)]
    for number, run in enumerate(runs):
        run.errors = run.errors.with_name(f"{number}.stderr")
    processes = [run.start() for run in runs]
    ids = {process.pid for process in processes}
    codes = [run.end(process) for run, process in zip(runs, processes, strict=True)]
    assert set(codes) <= {DONE, USAGE}
    assert DONE in codes
    for run, process, code in zip(runs, processes, codes, strict=True):
        if code == USAGE:
            error, hint = run.said()
            (holder,) = re.findall(r"another routelmt \(process (\d+)\) is working on", error)
            assert int(holder) in ids - {process.pid}
            assert hint.startswith("hint: ")
    runs[0].check_end(undisturbed.state(), sources)


def test_nobody_gets_past_a_folder_that_is_removed_and_made_again(tmp_path):
    inside, entered, wrong = [], [0], []

    def work(number):
        for turn in range(40):
            try:
                with RunFolder(tmp_path / "out.routelmt") as folder:
                    inside.append(number)
                    if inside != [number] or not folder.lock.exists():
                        wrong.append(list(inside))
                    entered[0] += 1
                    time.sleep(0)
                    inside.remove(number)
                    if turn % 2:
                        raise InterruptedError  # so that the folder is removed
            except InterruptedError:
                pass
            except UsageError as error:
                if "is working on this output" not in error.message:
                    wrong.append(error.message)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert entered[0] > 40


def test_the_lock_of_a_process_that_is_gone_holds_nobody_off(tmp_path):
    path = tmp_path / "lock"
    path.write_text("999999999\n")
    assert lock.find_holder(path) is None
    os.close(lock.take(path))
    assert path.read_text() == f"{os.getpid()}\n"
    assert lock.find_holder(tmp_path / "no lock") is None


def test_a_look_does_not_hold_anybody_off(tmp_path):
    path = tmp_path / "lock"
    stop = threading.Event()

    def look():
        while not stop.is_set():
            lock.find_holder(path)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            os.close(lock.take(path))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_the_holder_is_named_while_it_holds(tmp_path):
    path = tmp_path / "lock"
    held = lock.take(path)
    assert lock.find_holder(path) == os.getpid()
    with pytest.raises(lock.HeldError) as caught:
        lock.take(path)
    assert caught.value.process == os.getpid()
    os.ftruncate(held, 0)
    assert lock.find_holder(path) == 0
    os.close(held)
    assert lock.find_holder(path) is None
