"""
Backtests that were kept: `runs/<id>/` of the state directory with manifest, trades, equity and the report for people.

The id is that of the run: the same Play over the same candles is the same folder, whoever runs it and however often. The
manifest is written last, so a folder without one is no run.
"""

from pathlib import PurePath
from typing import Any, Final

import orjson

from playd.control.figures import rfc3339
from playd.control.render import Output, render_rows
from playd.control.tables import Column, number, word
from playd.core.errors import RecordError
from playd.research.backtest import BacktestResult
from playd.settings import Loaded, load
from playd.world.ports import World
from playd.world.real import real_world

FOLDER: Final = "runs"
MANIFEST: Final = "manifest.json"
ID_DIGITS: Final = 16
_FOR_OTHERS: Final = 0o640

RUNS: Final = (
    Column("ID", word("id")),
    Column("PLAY", word("play_name")),
    Column("SYMBOLS", lambda row: " ".join(row["symbols"])),
    Column("FROM", word("from")),
    Column("TO", word("to")),
    Column("TRADES", word("trades"), right=True),
    Column("NET_%", number("net_return_pct", 2, signed=True), right=True),
    Column("DD_%", number("max_drawdown_pct", 2), right=True),
    Column("SHARPE", number("sharpe", 2), right=True),
    Column("RESULT", lambda row: row["result_digest"][:ID_DIGITS], wide=True),
    Column("CREATED", word("created")),
)


def keep_run(world: World, config: str, result: BacktestResult, manifest: dict[str, Any], text: str) -> PurePath:
    """Keep one run; its folder. Raises `RecordError` where the disk refuses, or has no room for what a daemon does without."""
    loaded = load(world, config=config or None)
    state, disk = loaded.locations.state_dir, world.disk
    folder = state / FOLDER / str(manifest["run_id"])[:ID_DIGITS]
    trades = b"".join(orjson.dumps(each.as_json(), option=orjson.OPT_APPEND_NEWLINE) for each in result.trades)
    equity = {"time_ms": result.close_times_ms[: len(result.equity_usdt)], "equity_usdt": result.equity_usdt}
    try:
        disk.mkdir(state)
        _refuse_without_room(world, loaded)
        disk.mkdir(folder, mode=0o750)
        disk.write_replace(folder / "trades.jsonl", trades, keep_previous=False, mode=_FOR_OTHERS)
        disk.write_parquet(folder / "equity.parquet", equity, mode=_FOR_OTHERS)
        disk.write_replace(folder / "report.txt", f"{text}\n".encode(), keep_previous=False, mode=_FOR_OTHERS)
        data = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
        disk.write_replace(folder / MANIFEST, data, keep_previous=False, mode=_FOR_OTHERS)
    except OSError as error:
        raise RecordError(f"{error.filename or folder}: {error.strerror or error}") from error
    return folder


def list_runs(config: str, state: str, *, as_json: bool, world: World | None = None) -> int:
    """Every run that was kept, newest first."""
    world = world or real_world()
    flags = {"daemon.state_dir": ("--state", str(world.process.working_dir() / state))} if state else {}
    folder = load(world, flags=flags, config=config or None).locations.state_dir / FOLDER
    names = world.disk.list(folder) if world.disk.exists(folder) else []
    rows = [_row(world, folder / name) for name in names if world.disk.exists(folder / name / MANIFEST)]
    rows.sort(key=lambda row: row["created_ms"], reverse=True)
    print(render_rows(rows, RUNS, Output.JSON if as_json else Output.TABLE, empty=f"no runs in {folder}"))
    return 0


def _row(world: World, folder: PurePath) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = orjson.loads(world.disk.read_bytes(folder / MANIFEST))
        times = {name: rfc3339(manifest[f"{name}_ms"]) for name in ("from", "to", "created")}
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise RecordError(f"{folder / MANIFEST}: not the manifest of a run: {error}; remove the folder") from error
    return {**manifest, **times, "id": folder.name}


def _refuse_without_room(world: World, loaded: Loaded) -> None:
    """Trading comes first: what is left below its pause is for ledger and journal."""
    free_mib, floor_mib = world.disk.free_bytes(loaded.locations.state_dir) // 2**20, loaded.settings.disk.pause_mib
    if free_mib < floor_mib:
        raise RecordError(f"{loaded.locations.state_dir}: {free_mib} MiB free, {floor_mib} MiB (disk.pause_mib) are left alone")
