"""`reconcile replay`: the plan of a kept run is made again, and a run that is not there, or damaged, is named."""

import gzip
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control.params import ReplayRecon
from playd.control.protocol import Code, RpcError
from playd.control.record_methods import replay_reconciliation
from playd.ops.recon_snapshots import FOLDER
from playd.orders.ledger import Ledger
from playd.world.virtual import virtual_world
from tests.answers import check_data

pytestmark = pytest.mark.anyio

KEPT = json.loads((Path(__file__).parents[2] / "golden" / "recon_snapshot.json").read_text())
STATE = PurePath("/state")


def daemon_with(kept: dict[int, bytes]) -> Any:
    """A daemon that kept these runs, all on one day."""
    world, folder = virtual_world(), STATE / FOLDER / "2026-01-31"
    for each in (STATE, STATE / FOLDER, folder):
        world.disk.mkdir(each)
    for run, data in kept.items():
        world.disk.write_replace(folder / f"{run}.json.gz", data, keep_previous=False)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    loaded = SimpleNamespace(settings=SimpleNamespace(recon=SimpleNamespace(snapshot_keep_days=90)))
    return SimpleNamespace(clock=world.clock, ledger=ledger, ops=SimpleNamespace(world=world, loaded=loaded, state_dir=STATE))


def packed(kept: dict[str, Any]) -> bytes:
    return gzip.compress(json.dumps(kept).encode())


async def replay(daemon: Any, run: int) -> Any:
    found = await replay_reconciliation(daemon, ReplayRecon(run=run), cast("Any", None))
    check_data("recon.replay", found)
    return found


async def test_the_plan_of_then_is_the_plan_of_now_unless_somebody_plans_otherwise() -> None:
    page = {"endpoint": "/v5/order/realtime", "asked_ms": 1_700_000_000_000, "answered_ms": 1_700_000_000_020, "rows": 2}
    failed = {**page, "rows": 0, "failure": "HTTP 503"}
    blind = {**KEPT, "planned": [], "inputs": {**KEPT["inputs"], "pages": [page, failed], "failure": "HTTP 503"}}
    told = {**KEPT, "version": "0.1.0", "inputs": {**KEPT["inputs"], "pages": [page]}}
    other = {**KEPT, "planned": KEPT["planned"][1:]}
    daemon = daemon_with({12: packed(told), 13: packed(other), 14: packed(blind)})
    found = await replay(daemon, 12)
    assert (found["account"], found["same"], found["version"]) == ("main", True, "0.1.0")
    assert [row["class"] for row in found["differences"]] == ["R3", "R4", "R6", "R7", "R8", "R9"]
    assert len(found["planned_then"]) == len(found["differences"])
    assert [(each["asked"], each["answered"], each["rows"]) for each in found["pages"]] == [
        ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.020Z", 2)
    ]
    assert (found["failure"], [each["failure"] for each in found["pages"]]) == (None, [None])
    assert (await replay(daemon, 13))["same"] is False
    unread = await replay(daemon, 14)
    assert (unread["failure"], unread["same"], unread["differences"]) == ("HTTP 503", True, [])
    assert [each["failure"] for each in unread["pages"]] == [None, "HTTP 503"]


async def test_a_run_that_is_not_kept_and_one_that_is_damaged_are_named() -> None:
    daemon = daemon_with({12: packed(KEPT), 14: b"half", 15: packed({**KEPT, "inputs": {}})})
    with pytest.raises(RpcError, match=r"nothing is kept of reconciliation 99.*there are 15, 14, 12") as missing:
        await replay(daemon, 99)
    assert missing.value.code is Code.NOT_FOUND
    for run in (14, 15):
        with pytest.raises(RpcError, match=rf"{run}\.json\.gz") as damaged:
            await replay(daemon, run)
        assert (damaged.value.code, damaged.value.reason) == (Code.INVALID, "damaged")


ENDED_MS = int(datetime(2026, 2, 3, 12, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("noted", [True, False])
async def test_a_number_that_came_again_behind_a_restore_is_the_run_that_the_ledger_has(noted: bool) -> None:
    daemon = daemon_with({12: packed({**KEPT, "account": "before"})})
    disk, file, ours = daemon.ops.world.disk, f"{FOLDER}/2026-02-03/12.json.gz", packed(KEPT)
    later = f"{FOLDER}/2026-02-09/12.json.gz"
    for path, data in ((file, ours), (later, packed({**KEPT, "account": "after"}))):
        disk.mkdir((STATE / path).parent)
        disk.write_replace(STATE / path, data, keep_previous=False)
    assert (await replay(daemon, 12))["account"] == "after", "of a run that the ledger does not know, the newest"
    kept = (file, sha256(ours).hexdigest()) if noted else ("", "")
    daemon.ledger.write(
        'INSERT INTO recon_runs (id, account, "trigger", kinds, started_ms, duration_ms, result, inputs_file, inputs_digest)'
        " VALUES (12, 'main', 'timer', 'all', ?, 20, 'diff', ?, ?)",
        (ENDED_MS - 20, *kept),
    )
    assert (await replay(daemon, 12))["account"] == "main"
    if noted:
        disk.write_replace(STATE / file, packed({**KEPT, "account": "another"}), keep_previous=False)
        with pytest.raises(RpcError, match="not what reconciliation 12 wrote") as damaged:
            await replay(daemon, 12)
        assert damaged.value.reason == "damaged"
    disk.remove(STATE / file)
    with pytest.raises(RpcError, match="nothing is kept of reconciliation 12"):
        await replay(daemon, 12)
