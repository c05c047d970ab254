"""A reconciliation that found a difference can be judged again from what it had before it."""

from decimal import Decimal
from pathlib import PurePath

import anyio
import pytest

from playd import __version__
from playd.core.errors import RecordError
from playd.ops.recon_snapshots import FOLDER, ReconSnapshots
from playd.orders.reconcile import RepairKind, plan
from tests.simulation.order_world import READY, OrderWorld, build, entry
from tests.simulation.venue_rows import SYMBOL
from tests.virtual_time import in_virtual_time

STATE = PurePath("/snapshots")


def keeper(life: OrderWorld, keep_days: int = 90) -> ReconSnapshots:
    return ReconSnapshots(life.world.disk, life.world.clock, STATE, keep_days)


def test_a_difference_is_kept_and_gives_the_same_plan_again() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            snapshots = keeper(life)
            heard: list[int] = []

            def keep(run: int, *rest: object) -> None:
                heard.append(run)
                snapshots.keep("main", run, *rest)  # type: ignore[arg-type]

            life.account.reconciler.on_difference = keep
            await life.account.reconciler.run("match")
            assert heard == []
            port = await life.register()
            await port.submit(entry(), READY)
            await anyio.sleep(0.1)
            life.venue.book[SYMBOL].signed = Decimal("0.011")  # no execution tells why
            report = await life.account.reconciler.run("test")
            assert report.result == "diff"
            assert snapshots.runs() == sorted(heard, reverse=True)
            kept, found, planned = snapshots.replay(heard[-1])
            assert (found, planned, kept.account, kept.version) == (report.differences, report.repairs, "main", __version__)
            pages, executions = kept.inputs.pages, kept.inputs.executions
            assert len(pages) == 4  # orders, positions, wallet, executions
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

    in_virtual_time(body)
