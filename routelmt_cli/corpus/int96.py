"""Old timestamps of parquet (INT96, which Spark and Impala write): in which unit they are read.

pyarrow reads them as nanoseconds and wraps what does not fit: the year 9999, a common "never",
becomes 1816 without an error. In goes an open file, out comes a unit that holds every value of
it. Any other type of timestamp states its own unit and is not looked at.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def int96_unit(file: pq.ParquetFile, path: Path) -> str:
    """Say in which unit the old timestamps of a file are to be read.

    Parameters
    ----------
    file
        The file, opened with nanoseconds.
    path
        Where it lies.

    Returns
    -------
    str
        ``ns``, or ``us`` where a value lies before 1677 or after 2262.
    """
    columns = [
        column.path
        for column in map(file.schema.column, range(len(file.schema)))
        if column.physical_type == "INT96"
    ]
    if not columns:
        return "ns"
    exact = file.schema_arrow
    try:
        with pq.ParquetFile(path, pre_buffer=False, coerce_int96_timestamp_unit="us") as coarse:
            for batch in coarse.iter_batches(columns=columns):
                for name, array in zip(batch.schema.names, batch.columns, strict=True):
                    array.cast(exact.field(name).type)
    except pa.ArrowInvalid:  # out of range; a damaged file fails again where its rows are read
        return "us"
    return "ns"
