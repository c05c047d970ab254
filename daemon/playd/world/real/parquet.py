"""Parquet by DuckDB: one private in-memory database per call, so no file of DuckDB's own and no lock between processes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from playd.world.ports import Column

_CONFIG: dict[str, Any] = {
    "threads": 1,
    "memory_limit": "512MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""One thread: files are months of minutes, and the trading loop keeps the other core. No extension is ever fetched."""


def read(path: Path, columns: Sequence[str] | None) -> dict[str, Column]:
    """See `Disk.read_parquet`."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    selection = "*" if columns is None else ", ".join(map(_identifier, columns))
    with duckdb.connect(":memory:", config=_CONFIG) as database:
        try:
            found = database.execute(f"SELECT {selection} FROM read_parquet(?)", [_literal_glob(path)]).fetchnumpy()
        except duckdb.Error as error:
            raise ValueError(f"{path}: {str(error).splitlines()[0]}") from error
    return {name: _without_mask(values) for name, values in found.items()}


def write(path: Path, columns: Mapping[str, Column]) -> None:
    """Write all columns to `path`; DuckDB has closed the file when this returns, but nobody has synced it."""
    lengths = {name: len(values) for name, values in columns.items()}
    if not lengths or len(set(lengths.values())) != 1:
        raise ValueError(f"columns must have one common length, found {lengths}")
    target = str(path).replace("'", "''")
    with duckdb.connect(":memory:", config=_CONFIG) as database:
        database.register("written", dict(columns))
        try:
            database.execute(
                f"COPY (SELECT {_identifiers(columns)} FROM written) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
            )
        except duckdb.IOException as error:
            raise OSError(str(error)) from error


def _without_mask(values: Column) -> Column:
    if not isinstance(values, np.ma.MaskedArray):
        return values
    missing = np.ma.getmaskarray(values)
    if values.dtype.kind in "iuf":
        return np.where(missing, np.nan, np.ma.getdata(values).astype(np.float64))
    objects: Column = np.ma.getdata(values).astype(object)
    objects[missing] = None
    return objects


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _identifiers(names: Iterable[str]) -> str:
    return ", ".join(map(_identifier, names))


def _literal_glob(path: Path) -> str:
    """DuckDB reads `*`, `?` and `[` in a file name as a pattern; a class of one character is that character."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))
