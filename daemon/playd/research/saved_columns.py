"""Every feature and rule column of a backtest as one NPZ file in memory, with its clock."""

import io

import numpy as np

from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.research.backtest import BacktestResult


def columns_npz(result: BacktestResult) -> bytes:
    """
    An uncompressed NPZ archive: `<timeframe>/open_time_ms` per clock, and `<timeframe>/<name>` per named column.

    Names are those of `Program.names`: candle fields, feature ids and fields, rule paths. Missing is NaN. Features and
    structures that no rule refers to are there too; a run does without them.
    """
    program = compile_program(result.play, result.loaded.step_ms, unreferenced=True)
    columns = Columns(program, len(result.loaded))
    columns.extend_many(result.loaded)
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {}
    for place, clock in enumerate(program.clocks):
        arrays[f"{clock.name}/open_time_ms"] = columns.open_times_ms(place)
    for name, number in program.names.items():
        arrays[f"{program.clocks[program.columns[number].clock].name}/{name}"] = columns.row(number)
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()
