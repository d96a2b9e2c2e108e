"""What this machine and llama.cpp's build are: facts measured on one hold for no other."""

from __future__ import annotations

import platform
from pathlib import Path


def machine_facts() -> list[object]:
    """Return llama.cpp's version and build, and the processor's model and features."""
    import llama_cpp

    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    processor = sorted({line for line in lines if line.startswith(("model name", "flags"))})
    library = Path(llama_cpp.__file__).parent / "lib"
    built = sorted(f"{file.name} {file.stat().st_mtime_ns}" for file in library.glob("*.so*"))
    return [llama_cpp.__version__, platform.machine(), platform.release(), processor, built]
