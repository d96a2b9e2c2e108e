"""A connection to a Ray cluster: an existing one, or one that lives as long as the connection.

In: an address or None. Out: a connected ``ray`` and what its nodes have room for. Always: nothing
of Ray's is written to standard output, which is for data, or to stderr; signals do what they did
before; a wrong address is one error within a bounded time; a cluster that is started here takes
orders from nobody else on the network.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.llama_settings import default_settings, uses_gpus
from routelmt_cli.translators.models import Model

_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 30
_OBJECT_STORE_BYTES = 128 << 20  # batches and outcomes are small
_MEMORY_SHARE = 0.8
_ANY_NUMBER = 1_000_000
_QUIET: dict[str, Any] = {
    "include_dashboard": False,
    "log_to_driver": False,
    "logging_level": logging.CRITICAL,
}
# In a child: Ray tries a dead address for many minutes, and its C++ part writes to stderr.
_PROBE = """
import json, sys
import ray
try:
    ray.init(sys.argv[1], log_to_driver=False, logging_level=50)
except BaseException as error:
    print(json.dumps(f"{type(error).__name__}: {error}"))
else:
    print(json.dumps(""))
"""


def refuse_missing() -> None:
    """Refuse to go on without Ray.

    Raises
    ------
    UsageError
        It is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            "--engine ray needs a package that is not installed: ray",
            hint="pip install 'routelmt[ray]'",
        )


def connect(address: str | None) -> Any:
    """Connect to a cluster, or start one of this machine's processors; return the module ``ray``.

    Raises
    ------
    UsageError
        No cluster answers, or another Ray or Python runs there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Workers that take no GPU see none, as later versions of Ray would let them.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    if address is None:
        if "ray" not in sys.modules:  # which reads them when it is imported
            # Else whoever reaches its port could let it run anything.
            os.environ["RAY_AUTH_MODE"] = "token"
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        where = {
            "address": "local",
            "num_cpus": _own_cpus(),
            "object_store_memory": _OBJECT_STORE_BYTES,
            **_QUIET,
        }
    else:
        _refuse_dead(address)
        where = {"address": address, **_QUIET}
        if address.startswith("ray://"):
            del where["include_dashboard"]
    import ray
    from ray._private import worker

    # What befalls a worker is printed to standard output, whatever the level of logging.
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        with _own_signals():
            ray.init(**where)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise _no_cluster(address or "local", str(error)) from error
    return ray


def own_nodes() -> list[dict[str, Any]]:
    """Return what a cluster of this machine would have, as ``ray.nodes()`` does; any GPUs."""
    return [{"Alive": True, "Resources": {"CPU": _own_cpus(), "GPU": _ANY_NUMBER}}]


def _own_cpus() -> int:
    return len(os.sched_getaffinity(0))


def disconnect(ray: Any) -> None:
    """Leave the cluster; one that was started here ends."""
    with _own_signals():
        ray.shutdown()


def _refuse_dead(address: str) -> None:
    """Find out within a bounded time, and without a word of Ray's, whether a cluster answers."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address != "auto":
        try:
            if not host or not port.isdecimal():
                raise ValueError("it is no HOST:PORT")
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        except (OSError, ValueError, OverflowError) as error:
            raise _no_cluster(address, getattr(error, "strerror", None) or str(error)) from error
    command = [sys.executable, "-c", _PROBE, address]
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _no_cluster(address, f"no answer within {_ANSWER_SECONDS} seconds") from None
    lines = child.stdout.decode("utf-8", "replace").splitlines()
    try:
        trouble = str(json.loads(lines[-1])) if lines else "Ray ends at once"
    except ValueError:
        trouble = lines[-1]
    if trouble:
        raise _no_cluster(address, trouble)


def _no_cluster(address: str, trouble: str) -> UsageError:
    return UsageError(
        f"no Ray cluster at '{address}': {' '.join(trouble.split())[:300].rstrip('.')}",
        hint="check --address: auto, HOST:PORT or ray://HOST:PORT; without it a cluster of this "
        "machine is started",
    )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the process's answer to SIGTERM: Ray sets its own, which ends with another exit code."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:  # Ray's answer
        signal.signal(signal.SIGTERM, handler)
        signal.raise_signal(signal.SIGTERM)
        raise
    finally:
        signal.signal(signal.SIGTERM, handler)


def worker_threads(model: Model) -> int:
    """Return how many processors a worker of a model takes, and threads it decodes with."""
    if model.card.ray.num_cpus is not None:
        return model.card.ray.num_cpus
    return 1 if model.weights is None else default_settings(model.card).threads


def needed_resources(model: Model) -> dict[str, float]:
    """Return what one worker of a model takes, by Ray's names."""
    gpus = model.card.ray.num_gpus
    if gpus is None:
        offloads = model.weights is not None and model.card.decoding.n_gpu_layers != 0
        gpus = 1.0 if offloads and uses_gpus() else 0.0
    needed = {"CPU": float(worker_threads(model)), "GPU": gpus}
    return {name: amount for name, amount in needed.items() if amount}


def room_for(model: Model, nodes: list[dict[str, Any]]) -> int:
    """Return for how many workers of a model the nodes have room.

    Parameters
    ----------
    model
        The model.
    nodes
        As ``ray.nodes()`` gives them.

    Raises
    ------
    UsageError
        There is room for none.
    """
    needed = needed_resources(model)
    weights = 0 if model.weights is None else model.weights.path.stat().st_size
    fitting = 0
    for node in nodes:
        has = node["Resources"]
        if node["Alive"] and (count := _fitting(needed, has)):
            # Weights on a GPU take none of the memory, and one worker does with what it finds.
            memory = float(has.get("memory", 0)) * _MEMORY_SHARE
            by_memory = count if "GPU" in needed or not weights else int(memory // weights)
            fitting += max(1, min(count, by_memory))
    if not fitting:
        wanted = " and ".join(f"{amount:g} {name}" for name, amount in needed.items())
        card = model.card
        raise UsageError(
            f"no node of the cluster has room for a worker of '{card.name}': {wanted} each",
            hint=f"change num_cpus or num_gpus in [ray] of {card.card_path}, or add a larger node",
        )
    return fitting


def _fitting(needed: Mapping[str, float], has: Mapping[str, float]) -> int:
    counts = []
    for name, amount in needed.items():
        whole = int(has.get(name, 0))
        # A worker that takes a share of a GPU is on one GPU.
        counts.append(whole // int(amount) if amount >= 1 else whole * int(1 / amount + 1e-9))
    return min(counts)
