"""A drill is judged: the market is held, and two ledgers, the journals and all that was written are looked at."""

from pathlib import PurePath
from typing import Final

from playd.ops.drills.consequences import acts, consequences
from playd.ops.drills.decisions import check_decisions
from playd.ops.drills.invariants import TABLES, Checked, check, of_account, orders_per_attempt
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.programs import until
from playd.ops.drills.stage import Stage
from playd.ops.guardian_records import records_after
from playd.orders.guardian.plan_file import DIRECTORY

QUIET_WITHIN_S: Final = 20.0
JOURNAL: Final = "journal"
_TOLD: Final = ("halts", "incidents")
"""What another daemon on the account raises counts too: one of the two must."""


async def judge(stage: Stage) -> None:
    """Hold the market, wait until the ledgers are quiet, and put the invariants and what came of it all into the report."""
    await stage.exchange.hold()

    async def quiet() -> bool:
        await _check(stage)
        return not any(each.violations for each in stage.report.invariants)

    if await until(quiet, QUIET_WITHIN_S) is None:
        await _check(stage)
    await _every_fault_hit(stage)
    ran = await stage.playd("audit", "verify", str(stage.state))
    said = ran.text.strip()
    broken = () if ran.code == 0 or said == stage.known_break else (said,)
    stage.report.invariants += (Checked("INV-27", 1, broken), _no_secret_told(stage))


async def _every_fault_hit(stage: Stage) -> None:
    """What was armed and hit nothing was not done, whatever is true afterwards."""
    hits = await stage.exchange.fault_hits()
    idle = [name for name, count in hits.items() if not count]
    seen = f"hit nothing: {', '.join(idle)}" if idle else f"each of {len(hits)} hit something, by its own ledger"
    if hits:
        stage.report.require(not idle, "faults of the exchange", seen)


def _no_secret_told(stage: Stage) -> Checked:
    """INV-33: no key's secret stands in anything that the daemon, the guardian or a command has written."""
    disk = stage.world.disk
    logs = [stage.directory / name for name in disk.list(stage.directory) if name.endswith(".log")]
    own = [path for path in logs if not path.name.startswith("exchange-")]  # an exchange tells its users their keys
    files = [*own, *_below(stage, stage.state)]
    told = [str(path) for path in files if any(secret in disk.read_bytes(path) for secret in stage.secrets)]
    return Checked("INV-33", len(files), tuple(f"the secret of a key stands in {path}" for path in told))


def _below(stage: Stage, directory: PurePath) -> list[PurePath]:
    """Files below a directory, sockets left out."""
    disk, found = stage.world.disk, []
    for name in disk.list(directory) if disk.exists(directory) else ():
        path = directory / name
        if disk.stat(path).is_dir:
            found += _below(stage, path)
        elif not name.endswith(".sock"):
            found.append(path)
    return found


async def _check(stage: Stage) -> None:
    every = {name: stage.table(name) for name in TABLES}
    venue, tables = await stage.venue(), of_account(every, ACCOUNT)
    for state in stage.strangers:
        tables = {**tables, **{name: [*tables[name], *stage.table(name, state)] for name in ("orders", "intents")}}
    report = stage.report
    report.invariants = (*check(venue, tables), *check_decisions(venue, tables))
    ours = {row["symbol"] for row in tables["intents"]}  # nobody promises a stop to what a hand opens
    report.naked_s = sum(for_ms for symbol, for_ms in venue.lapses if symbol in ours) / 1000
    told = {name: [*every[name], *(row for state in stage.strangers for row in stage.table(name, state))] for name in _TOLD}
    report.found = consequences(told["halts"], told["incidents"], await acts_of_guardian(stage))
    report.orders_per_intent_max = orders_per_attempt(venue, tables)


async def acts_of_guardian(stage: Stage) -> dict[str, int]:
    """How often the guardian did what, over all its lives on a stage; see `acts`."""
    requests = [row for row in await stage.exchange.entries("request") if row["key"] == stage.exchange.guardians_key]
    return acts(records_after(stage.world.disk, stage.state / DIRECTORY / JOURNAL, 0), requests)
