"""How much memory this process may still take, on Linux: the machine's, or its container's.

Always a lower bound of what the kernel would give before it kills: swap is not counted.
"""

from __future__ import annotations

from pathlib import Path

_KIB = 1024
_MEMINFO = Path("/proc/meminfo")
_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
# (limit, usage, the line of memory.stat with what can be dropped) of both versions of cgroups.
_UNIFIED = ("memory.max", "memory.current", "inactive_file")
_LEGACY = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def free_bytes() -> int | None:
    """Return how many bytes can be allocated without anything being killed; None if unknown."""
    known = [*_of_the_machine(), *_of_the_groups()]
    return min(known) if known else None


def _of_the_machine() -> list[int]:
    for line in _lines(_MEMINFO):
        if line.startswith("MemAvailable:"):
            return [int(line.split()[1]) * _KIB]
    return []


def _of_the_groups() -> list[int]:
    """Return what each limited control group that this process is in has left."""
    found = []
    for line in _lines(_OWN_GROUPS):
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, files = (_GROUPS / "memory", _LEGACY) if controllers else (_GROUPS, _UNIFIED)
        # In a container the path is the host's; what is mounted is the group itself.
        group = root / path.lstrip("/")
        for folder in (group, *group.parents) if group.is_dir() else (root,):
            if root in (folder, *folder.parents):
                found += _left_in(folder, *files)
    return found


def _left_in(folder: Path, limit_name: str, usage_name: str, droppable: str) -> list[int]:
    limit, usage = ("".join(_lines(folder / name)) for name in (limit_name, usage_name))
    if not (limit.isdigit() and usage.isdigit()):  # "max", or no such group
        return []
    cached = [
        int(line.split()[1])
        for line in _lines(folder / "memory.stat")
        if line.startswith(f"{droppable} ")
    ]
    return [max(0, int(limit) - int(usage) + sum(cached))]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:
        return []
