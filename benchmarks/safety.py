"""Kill runs at random writes, fill their disk, and start them again: nothing lost, nothing twice.

A trial is a new run that meets one to three faults. A quarter of them are signals at random
moments. The others come at random writes: a file of the run is picked first, so that every stage
gets its share, then a write, sync, truncation, rename or removal there, then SIGKILL (half a write
lands), SIGTERM, SIGINT, or a disk that is full from then on. After every fault the journal is
audited, the budget is checked, and what was bought must still be there. Then the same command runs
to its end, and output, spend and hypotheses must be those of a run that was left alone.

The stand-in pair takes turns between decoding batched and in static groups; the demo pair
(SmolLM2-135M and Gemma 3 270M, seven segments and a blank one) decodes in static groups.
``--every-write`` also fills the disk at every single write of a small run, in turn.

The line says how many processes each fault ended, and in which stage. The first thing that does
not hold ends the benchmark with a traceback. It needs a C compiler and, for the demo pair, the
extra ``demo``.

    python benchmarks/safety.py --kills 200 --real-kills 20
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the machinery that the tests of resuming use

from crash_trials import PLACES, Trials  # noqa: E402
from faulty_disk import DISK_FULL, Fault, Launcher  # noqa: E402
from killed_run import KilledRun  # noqa: E402
from made_up import SOURCES, write_tsv  # noqa: E402
from stand_in_pair import make_stand_ins  # noqa: E402

from routelmt_cli.translators.cache import cache_folder  # noqa: E402

BUDGET = 3_000_000
REAL_BUDGET = 80_000
FEW = SOURCES[:9]
REAL_SOURCES = [
    "El perro duerme al sol.",
    "Mañana lloverá en el norte.",
    "¿Cuánto cuesta este libro?",
    "",
    "El paciente no presenta fiebre.",
    "Los precios subieron un 3,5 % en mayo.",
    "La empresa abrirá dos tiendas nuevas en Lima.",
    "Tengo hambre.",
]
MODES = ((), ("--deterministic",))


def run_trials(trials: list[Trials], kills: int, seed: int) -> dict[str, Any]:
    """Run trials in turn until enough processes were ended; say what ended them, and where."""
    luck, begun, number = random.Random(seed), time.perf_counter(), 0
    while sum(sum(one.causes.values()) for one in trials) < kills:
        trials[number % len(trials)].try_once(f"trial-{number}", luck)
        number += 1
    causes = sum((one.causes for one in trials), Counter())
    stages = sum((one.stages for one in trials), Counter())
    return {
        "faults": sum(causes.values()),
        "trials": number,
        "by_cause": dict(sorted(causes.items())),
        "by_stage": dict(sorted(stages.items())),
        "seconds": round(time.perf_counter() - begun, 1),
    }


def fill_at_every_write(launcher: Launcher, folder: Path, command: list[Any]) -> dict[str, Any]:
    """Fill the disk at each write of a small run in turn, and finish the run every time."""
    begun = time.perf_counter()
    trials = Trials(lambda name: KilledRun(launcher, folder / name, command, BUDGET), FEW)
    for place in PLACES:
        for after in range(trials.writes[place]):
            run = KilledRun(launcher, folder / f"full-{place.strip('/')}-{after}", command, BUDGET)
            trials.meet(run, Fault(place, after, DISK_FULL))
            run.finish()
            run.check_end(trials.expected, FEW)
    return {
        "writes": sum(trials.writes.values()),
        "by_stage": dict(sorted(trials.stages.items())),
        "seconds": round(time.perf_counter() - begun, 1),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="faults with the stand-in pair")
    parser.add_argument("--real-kills", type=int, default=0, help="faults with the demo pair")
    parser.add_argument("--every-write", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    line: dict[str, Any] = {"benchmark": "safety", "seed": arguments.seed}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        launcher = Launcher(folder)
        if not launcher.has_faults:
            sys.exit("error: there is no C compiler to build the faulty disk with")
        pair = make_stand_ins(folder)

        def stand_ins(mode: tuple[str, ...]) -> Trials:
            command = ["translate", pair.corpus, *pair.options(), *mode]
            place = folder / f"stand-ins{''.join(mode)}"
            return Trials(lambda name: KilledRun(launcher, place / name, command, BUDGET), SOURCES)

        if arguments.kills:
            trials = [stand_ins(mode) for mode in MODES]
            line["stand_in"] = run_trials(trials, arguments.kills, arguments.seed)
        if arguments.every_write:
            few = write_tsv(folder / "few.tsv", FEW)
            command = ["translate", few, *pair.options()]
            line["every_write"] = fill_at_every_write(launcher, folder / "every", command)
        if arguments.real_kills:
            corpus = write_tsv(folder / "es.tsv", REAL_SOURCES)
            command = ["translate", corpus, "--from", "es", "--to", "en", "--deterministic"]
            # Weights are assembled and tried once a machine, not once a trial.
            cache = {"ROUTELMT_CACHE": str(cache_folder())}
            real = Trials(
                lambda name: KilledRun(
                    launcher, folder / "real" / name, command, REAL_BUDGET, environment=cache
                ),
                REAL_SOURCES,
            )
            line["demo_pair"] = run_trials([real], arguments.real_kills, arguments.seed)
    line["machine"] = {
        "cpu_count": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
