"""The share of good reconciliations of a day, over a restart and with old ones forgotten."""

from pathlib import PurePath

from playd.core.timeframes import DAY_MS
from playd.ops.recon_history import ReconHistory
from playd.orders.ledger import Ledger
from playd.orders.reconcile import RepairKind
from playd.world.virtual import virtual_world

NOW_MS = 10 * DAY_MS


def run(ledger: Ledger, at_ms: int, result: str, *, repair: str | None = None) -> None:
    cursor = ledger.write(
        'INSERT INTO recon_runs (account, "trigger", kinds, started_ms, duration_ms, result) VALUES (?,?,?,?,?,?)',
        ("main", "timer", "all", at_ms, 1, result),
    )
    if repair is not None:
        ledger.write(
            "INSERT INTO recon_diffs (run, n, class, scope, ours, theirs, repair) VALUES (?,0,'R1','x','1','2',?)",
            (cursor.lastrowid, repair),
        )


def test_blind_and_unexplained_runs_count_against_it_and_repaired_ones_do_not() -> None:
    world = virtual_world()
    ledger = Ledger.open(world.disk, world.clock, PurePath("/ledger.sqlite"))
    run(ledger, NOW_MS - 2 * DAY_MS, "blind")
    run(ledger, NOW_MS - DAY_MS // 2, "blind")
    history = ReconHistory(ledger, NOW_MS)
    assert history.matched_pct("other", NOW_MS) is None
    assert history.matched_pct("main", NOW_MS) == 99.0
    run(ledger, NOW_MS, "diff", repair=RepairKind.PROTECT)
    run(ledger, NOW_MS, "diff", repair=RepairKind.HALT)
    for _ in range(200):
        run(ledger, NOW_MS, "match")
    assert len(history.update()) == 202
    assert history.matched_pct("main", NOW_MS) == 100.0 * (1 - 2 / 203)
    assert history.matched_pct("main", NOW_MS + DAY_MS) == 100.0 * (1 - 1 / 202)
    assert ReconHistory(ledger, NOW_MS).matched_pct("main", NOW_MS) == 100.0 * (1 - 2 / 203)
    assert history.matched_pct("main", NOW_MS + 2 * DAY_MS) is None
