"""A Ray cluster in a process of its own, for the tests and benchmarks of the Ray engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import routelmt_cli

# Processors are only counted by Ray: there may be more than the machine has.
_PROGRAM = """
import json, os, sys
from routelmt_cli.run.engines import ray_cluster
ray_cluster._own_cpus = lambda: int(sys.argv[1])
ray = ray_cluster.connect(None)
token = {name: os.environ[name] for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
print(json.dumps([ray.get_runtime_context().gcs_address, token]), flush=True)
sys.stdin.read()
ray_cluster.disconnect(ray)
"""
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes
    ----------
    address
        What ``--address`` takes.
    environment
        What a process needs in its environment to be let in.
    """

    address: str
    environment: dict[str, str]
    pid: int

    def workers(self):
        """Return the processes that hold a model, or are about to load one."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if (folder / "cmdline").read_bytes().startswith(b"ray::Worker"):
                    raylet = _parent(folder)
                    if _parent(Path("/proc") / str(raylet)) == self.pid:
                        found.append(int(folder.name))
            except (OSError, ValueError):
                continue  # it is gone, or no process
        return found

    def wait_for_workers(self, count=1, but=()):
        """Wait until so many workers are there, others than those that are known."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while len(found := set(self.workers()) - set(but)) < count:
            assert time.monotonic() < end, "no worker comes"
            time.sleep(0.02)
        return sorted(found)


def _parent(folder):
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])


@contextmanager
def run_cluster(cpus=4, cache=None):
    """Run a cluster of so many processors."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(routelmt_cli.__file__).parents[1]),
        **({} if cache is None else {"ROUTELMT_CACHE": str(cache)}),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(cpus)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    with process:
        try:
            address, token = json.loads(process.stdout.readline())
            yield Cluster(address, token, process.pid)
        finally:
            process.stdin.close()
            try:
                process.wait(_PATIENCE_SECONDS)
            finally:
                process.kill()
