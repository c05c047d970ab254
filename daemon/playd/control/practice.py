"""
The facts of readiness, read from the ledger: what a Play did in practice, and how clean the books of an account are.

A Play that practised for months has tens of thousands of executions and bars. They are read a piece at a time, and everybody
else goes on between two pieces.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import anyio.lowlevel

from playd.control.context import Daemon
from playd.control.ops_methods import VERIFIED_KEY, VERIFIED_MS
from playd.control.paged_executions import executions_of, positions_of
from playd.core.timeframes import DAY_MS
from playd.ops.drills.catalog import DRILLS
from playd.orders.fold import VirtualPosition, add
from playd.orders.recon_rows import UNEXPLAINED
from playd.orders.rows import execution_row
from playd.settings.policy import Policy
from playd.supervisor.readiness import BookDay, Evidence, ReadinessFacts, Trade
from playd.supervisor.shadow_market import real_since_ms
from playd.supervisor.slot import Slot

IN_TIME_MS: Final = 3_600_000
"""A bar decided this soon behind its close was decided on a live market; on a replayed one market time is long past."""

LOOK_BACK_DAYS: Final = 120
NEEDED: Final = tuple(drill.id for drill in DRILLS if drill.level == 1)
"""Drills that real money needs."""


DAYS_A_PIECE: Final = 10
"""Days whose bars are counted in one piece: fourteen thousand minutes, some milliseconds."""


async def readiness_facts(daemon: Daemon, slot: Slot, policy: Policy) -> ReadinessFacts:
    """Everything that `readiness` judges about one instance: its Play in practice, its account's books, evidence."""
    record, now_ms, book = slot.record, daemon.clock.wall_ms(), daemon.evidence
    owners = _practised(daemon, record.play_digest)
    drills = {name: each for name, each in book.newest_by_subject("drill").items() if _of_this_version(daemon, each)}
    return ReadinessFacts(
        now_ms=now_ms,
        decided=await _decided(daemon, owners, record.clock_ms),
        bars_a_day=DAY_MS // record.clock_ms,
        trades=await _trades(daemon, owners),
        capital_usd=Decimal(record.capital_usd),
        books=_books(daemon, record.account, now_ms // DAY_MS - policy.clean_days),
        backtest=book.newest("backtest", record.play_digest),
        parity=book.about("parity", record.play_digest),
        drills=drills,
        needed_drills=NEEDED,
        critical=[each.name for each in daemon.ops.incidents.open_ones() if each.severity == "critical"],
        alerts_verified=alerts_verified(daemon),
    )


def alerts_verified(daemon: Daemon) -> bool:
    """Whether a person has lately typed a code that came by an alert route."""
    now_ms = daemon.clock.wall_ms()
    stamps = (int(daemon.ledger.meta(f"{VERIFIED_KEY}:{name}") or 0) for name in daemon.ops.alerts.routes)
    return any(stamp and now_ms - stamp < VERIFIED_MS for stamp in stamps)


def _of_this_version(daemon: Daemon, evidence: Evidence) -> bool:
    return evidence.numbers.get("version") == daemon.version


Owner = tuple[str, str, int]
"""Uid and account of an instance, and since when (epoch ms) what it did counts."""


def _practised(daemon: Daemon, play_digest: str) -> list[Owner]:
    """
    Instances that ran this very Play in demo or as a shadow of the real market. The testnet shows nothing, nor does a shadow of
    a market that somebody made up, however much its clock looks like ours.
    """
    rows = daemon.ledger.rows(
        "SELECT i.uid, i.account, i.mode FROM instances i LEFT JOIN accounts a ON a.alias = i.account"
        " WHERE i.play_digest = ? AND i.mode IN ('demo', 'shadow') AND coalesce(a.environment, '') <> 'testnet'",
        (play_digest,),
    )
    since = {row["uid"]: real_since_ms(daemon.ledger, row["uid"]) if row["mode"] == "shadow" else 0 for row in rows}
    return [(row["uid"], row["account"], since_ms) for row in rows if (since_ms := since[row["uid"]]) is not None]


async def _decided(daemon: Daemon, owners: Iterable[Owner], clock_ms: int) -> dict[int, int]:
    """By UTC day: bars decided in time, of the instance that decided most."""
    now_ms = daemon.clock.wall_ms()
    found: dict[int, int] = {}
    for uid, _, begun_ms in owners:
        since_ms = max(now_ms - LOOK_BACK_DAYS * DAY_MS, begun_ms)
        for day in range(since_ms // DAY_MS, (now_ms + IN_TIME_MS) // DAY_MS + 1, DAYS_A_PIECE):
            await anyio.lowlevel.checkpoint()
            rows = daemon.ledger.rows(
                "SELECT close_ms / ? AS day, count(*) AS n FROM bars WHERE instance = ? AND clock_ms = ? AND close_ms >= ?"
                " AND close_ms < ? AND late = 0 AND abs(processed_ms - close_ms) < ? GROUP BY day",
                (DAY_MS, uid, clock_ms, max(since_ms, day * DAY_MS), (day + DAYS_A_PIECE) * DAY_MS, IN_TIME_MS),
            )
            for row in rows:
                found[row["day"]] = max(found.get(row["day"], 0), row["n"])
    return found


async def _trades(daemon: Daemon, owners: Iterable[Owner]) -> list[Trade]:
    """
    Closed trades of practice that happened on a live market, oldest first.

    Every execution of the owner is folded, older ones too: begun in the middle of a position, an exit would be taken for an
    entry, and each trade behind it for its opposite. A trade counts that was opened within the time looked at and whose
    executions were all heard in time.
    """
    since_ms = daemon.clock.wall_ms() - LOOK_BACK_DAYS * DAY_MS
    trades: list[Trade] = []
    for uid, account, begun_ms in owners:
        for symbol, idx in await positions_of(daemon.ledger, account, uid):
            position, begun_at, counts = VirtualPosition(), Decimal(0), False
            async for row in executions_of(daemon.ledger, account, uid, symbol, idx):
                execution = execution_row(row)
                before, position = position, add(position, execution)
                in_time = abs(row["received_ms"] - row["venue_ms"]) < IN_TIME_MS
                closed = before.signed_qty and before.signed_qty * position.signed_qty <= 0
                if closed and counts and in_time:
                    trades.append(Trade(execution.time_ms, _net(position) - begun_at))
                if closed or not before.signed_qty:  # what is open now was opened by this one
                    begun_at = _net(position if closed else before)
                    counts = row["venue_ms"] >= max(since_ms, begun_ms)
                counts = counts and in_time
    return sorted(trades, key=lambda trade: trade.end_ms)


def _books(daemon: Daemon, account: str, first_day: int) -> list[BookDay]:
    rows = daemon.ledger.rows(
        "SELECT started_ms / ? AS day, count(*) AS runs, sum(result = 'blind') AS blind,"
        f" sum((SELECT count(*) FROM recon_diffs WHERE run = r.id AND {UNEXPLAINED})) AS unexplained"
        " FROM recon_runs r WHERE account = ? AND started_ms >= ? GROUP BY day ORDER BY day",
        (DAY_MS, account, first_day * DAY_MS),
    )
    return [BookDay(row["day"], row["runs"], row["blind"], row["unexplained"]) for row in rows]


def _net(position: VirtualPosition) -> Decimal:
    return position.realised - position.fees - position.funding
