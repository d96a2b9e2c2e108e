"""What a card says of its model's workers on a Ray cluster: the section ``[ray]``.

In: a table of the card. Out: what one worker takes of the cluster, and how many there are. None of
it changes what a model writes, so it is no part of a fingerprint. Ray itself is not needed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card_file import Table

_MOST_CPUS = 4096
_MOST_GPUS = 64
_MOST_REPLICAS = 100_000
_SMALLEST_SHARE = 0.01


@dataclass(frozen=True)
class RayCard:
    """What the workers of a model take.

    Attributes
    ----------
    num_cpus
        Processors of one worker, and the threads that it decodes with; None for as many as the
        model would have in the driver's process, so that it writes the same there.
    num_gpus
        GPUs of one worker; below 1 where several workers share one. None for one where the
        library here can use it.
    replicas
        How many workers there are; None for as many as the cluster has room for.
    """

    num_cpus: int | None = None
    num_gpus: float | None = None
    replicas: int | None = None


def read_ray(table: Table) -> RayCard:
    """Read the section; an empty one is the default.

    Raises
    ------
    UsageError
        Naming the entry that is wrong.
    """
    num_cpus = num_gpus = replicas = None
    if "num_cpus" in table.data:
        num_cpus = table.whole("num_cpus", 1, 1, _MOST_CPUS)
    if "num_gpus" in table.data:
        num_gpus = float(table.number("num_gpus", 0, 0, _MOST_GPUS))
        shared = 0 < num_gpus < 1
        if num_gpus < _SMALLEST_SHARE if shared else num_gpus != int(num_gpus):
            raise UsageError(
                f"{table.where}: 'num_gpus' must be a whole number, or a share from "
                f"{_SMALLEST_SHARE:g} to 1"
            )
    if "replicas" in table.data:
        replicas = table.whole("replicas", 1, 1, _MOST_REPLICAS)
    return RayCard(num_cpus, num_gpus, replicas)
