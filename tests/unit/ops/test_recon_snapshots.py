"""A reconciliation that found a difference can be judged again from what it had before it."""

from decimal import Decimal
from hashlib import sha256
from pathlib import PurePath
from types import SimpleNamespace
from typing import cast

import anyio
import pytest

from playd import __version__
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.params import Nothing
from playd.control.record_methods import list_reconciliations
from playd.core.errors import RecordError
from playd.ops.recon_snapshots import FOLDER, ReconSnapshots
from playd.orders.recon_rows import Kept
from playd.orders.reconcile import LocalView, ReconInputs, RepairKind, VenueView, plan
from playd.venues.port import Priority
from tests.rows import SYMBOL
from tests.simulation.order_world import OrderWorld, build, entered

STATE = PurePath("/snapshots")


def keeper(life: OrderWorld, keep_days: int = 90) -> ReconSnapshots:
    return ReconSnapshots(life.world.disk, life.world.clock, STATE, keep_days)


async def test_a_difference_is_kept_and_gives_the_same_plan_again() -> None:
    life = build()
    async with life.running():
        snapshots = keeper(life)
        heard: list[int] = []

        def keep(run: int, *rest: object) -> Kept:
            heard.append(run)
            return snapshots.keep("main", run, *rest)  # type: ignore[arg-type]

        life.account.reconciler.on_inputs = keep
        await life.account.reconciler.run("match")
        assert heard == []
        await entered(life, settled_s=0.1)
        life.venue.book[SYMBOL].signed = Decimal("0.011")  # no execution tells why
        report = await life.account.reconciler.run("test")
        assert report.result == "diff"
        assert snapshots.runs() == sorted(heard, reverse=True)
        kept, found, planned = snapshots.replay(heard[-1])
        assert (found, planned, kept.account, kept.version) == (report.differences, report.repairs, "main", __version__)
        row = life.ledger.row("SELECT inputs_file, inputs_digest FROM recon_runs WHERE id = ?", (heard[-1],))
        assert row is not None
        assert sha256(life.world.disk.read_bytes(STATE / row["inputs_file"])).hexdigest() == row["inputs_digest"]
        pages, executions = kept.inputs.pages, kept.inputs.executions
        assert len(pages) == 8  # orders, positions, wallet, executions, and once more what differed
        assert all(page.asked_ms < page.answered_ms for page in pages)
        assert [each.qty for each in executions] == [Decimal("0.010")]
        assert kept.inputs.wallet is not None
        assert plan(found) == kept.planned
        assert [each.kind for each in planned] == [RepairKind.HALT]
        path = next(STATE / FOLDER / date / f"{heard[-1]}.json.gz" for date in life.world.disk.list(STATE / FOLDER))
        life.world.disk.write_replace(path, b"cut off", keep_previous=False)
        with pytest.raises(RecordError, match=r"json\.gz"):
            snapshots.replay(heard[-1])
        with pytest.raises(LookupError):
            snapshots.replay(99)
    await anyio.sleep(2 * 86_400)  # with nobody running, who would live through these days
    keeper(life, keep_days=1).keep("main", 100, kept.inputs, kept.planned)
    assert snapshots.runs() == [100]


async def test_of_an_outage_the_first_run_is_kept_and_one_every_five_minutes_with_how_many_lay_between() -> None:
    life = build()
    async with life.running():
        snapshots = keeper(life)
        life.account.reconciler.on_inputs = lambda run, *rest: snapshots.keep("main", run, *rest)
        await entered(life, settled_s=30.0)
        before = len(life.journal.records)
        life.venue.script.failing_reads = 1_000_000
        await anyio.sleep(3600.0)
        told = [data["error"] for kind, data in life.journal.records[before:] if kind == "recon.run"]
        assert 12 <= len(told) == len(snapshots.runs()) <= 13
        assert told[0] == "read failed"
        assert "runs before it failed and are not kept" in str(told[1])
        blind = life.ledger.row("SELECT count(*) AS n FROM recon_runs WHERE result = 'blind'")
        assert blind is not None
        assert blind["n"] > 1000, "each is counted all the same"
        listed = await list_reconciliations(cast("Daemon", SimpleNamespace(ledger=life.ledger)), Nothing(), cast("Call", None))
        assert [row["result"] for row in listed].count("match") > 0
        life.venue.script.failing_reads = 0
        await anyio.sleep(30.0)
        life.venue.script.failing_reads = 1_000_000
        await anyio.sleep(30.0)
        assert len(snapshots.runs()) == len(told) + 1, "another outage begins"


async def test_a_disk_without_room_for_what_can_be_done_without_keeps_no_run() -> None:
    life = build()
    async with life.running():
        full = ReconSnapshots(life.world.disk, life.world.clock, STATE, 90, may_write=lambda: False)
        assert full.keep("main", 1, ReconInputs(LocalView((), {}), VenueView((), ()), frozenset()), ()) == Kept()
        assert full.runs() == []


async def test_a_run_that_could_not_read_everything_keeps_what_came_before_and_how_it_failed() -> None:
    life = build()
    async with life.running():
        snapshots = keeper(life)
        life.account.reconciler.on_inputs = lambda run, *rest: snapshots.keep("main", run, *rest)
        await entered(life, settled_s=0.1)
        orders = await life.venue.open_orders(priority=Priority.RECONCILE)

        async def fails(*_args: object, **_named: object) -> None:
            life.venue.script.failing_reads = 1
            await life.venue._read()

        life.venue.positions = fails  # type: ignore[method-assign, assignment]
        report = await life.account.reconciler.run("test")
        assert report.result == "blind"
        kept, found, planned = snapshots.replay(snapshots.runs()[0])
        assert [(page.endpoint, page.failure) for page in kept.inputs.pages] == [
            ("/fake/read", ""),
            ("/fake/read", "read failed"),
        ]
        assert all(page.asked_ms < page.answered_ms for page in kept.inputs.pages)
        assert (list(kept.inputs.venue.orders), list(kept.inputs.venue.positions)) == (orders, [])
        assert (kept.inputs.failure, kept.inputs.wallet, [*kept.inputs.executions]) == ("read failed", None, [])
        # The position that was not read is missing from nothing: a reading that failed is compared with nothing.
        assert (found, planned, kept.planned) == ((), (), ())
