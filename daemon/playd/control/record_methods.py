"""Methods that tell a story from the ledger: what an order was, from its bar to its last check, and what was earned."""

from collections.abc import Container, Iterator
from decimal import Decimal
from typing import Any, Final

import anyio
import anyio.lowlevel
import orjson

from playd.control import params as p
from playd.control import record_answers as a
from playd.control import rows
from playd.control.asked_for import account_named, owner_of, warn_of_symbol
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.figures import figure, rfc3339
from playd.control.look_methods import chosen
from playd.control.protocol import Code, RpcError
from playd.control.results import Results
from playd.core.errors import RecordError
from playd.core.orders import Side
from playd.ops.recon_snapshots import ReconSnapshots
from playd.orders.recon_rows import Kept
from playd.orders.views import Wanted, oldest_fills
from playd.supervisor.translate import CATCH_UP

CAUGHT_UP_BARS: Final = 2
"""An exit fills in the bar behind the one that decided it; one that fills later had to wait for its daemon."""

RUNS: Final = 50
"""Reconciliations of one answer: an hour and a half of a quiet account."""

PAGE: Final = 1000
"""Executions folded between two turns of the loop: about ten milliseconds."""


async def why(daemon: Daemon, params: p.LinkId, call: Call) -> a.Why:
    """An order by link id or by the venue's id: bar, clause, intent, requests, fills, checks, with the ms between."""
    ledger = daemon.ledger
    order = ledger.row("SELECT * FROM orders WHERE link_id = ?", (params.link_id,)) or ledger.row(
        "SELECT * FROM orders WHERE venue_order_id = ? AND venue_order_id <> ''", (params.link_id,)
    )
    if order is None:
        raise RpcError(Code.NOT_FOUND, f"no order {params.link_id!r}", hint="playctl orders --all; playctl fills")
    intent = ledger.row("SELECT * FROM intents WHERE id = ?", (order["intent"],)) if order["intent"] else None
    steps = [*_decided(daemon, intent), *_requested(daemon, order), *_filled(daemon, order, intent)]
    steps.sort(key=lambda step: step[0])
    first_ms = steps[0][0] if steps else 0
    return {
        "link_id": order["link_id"],
        "venue_order_id": order["venue_order_id"],
        "instance": rows.owner_name(daemon, order["owner"]),
        "account": order["account"],
        "symbol": order["symbol"],
        "state": order["state"],
        "parent": order["parent_link_id"],
        "intent": order["intent"],
        "play_digest": intent["play_digest"] if intent is not None else None,
        "steps": [{"time": rfc3339(at_ms), "ms": at_ms - first_ms, "step": name, "what": text} for at_ms, name, text in steps],
    }


_Step = tuple[int, str, str]
"""When in epoch ms, which step, and what it was."""


def _decided(daemon: Daemon, intent: Any) -> Iterator[_Step]:
    """The bar, what the gates said, and what was decided; nothing of an order that nobody here decided."""
    if intent is None:
        return
    bar = _bar(daemon, intent)
    if bar is not None:
        text = f"closed {rfc3339(bar['close_ms'])}: {bar['verdict']} {bar['detail']}".strip()
        yield bar["processed_ms"], "bar", text
    if judged := _judged(daemon, intent):
        yield intent["created_ms"], "gates", judged
    within = f" within {intent['band_bps']} bps" if intent["band_bps"] else ""
    text = f"{intent['action']} {intent['side']} {intent['qty']} near {intent['price_ref']}{within} because {intent['reason']}"
    yield intent["created_ms"], "intent", f"{text}; stop {intent['stop'] or 'none'}"


def _requested(daemon: Daemon, order: Any) -> Iterator[_Step]:
    """What was asked of the venue for an order, and what it answered and told."""
    for event in daemon.ledger.rows("SELECT * FROM order_events WHERE link_id = ? ORDER BY n", (order["link_id"],)):
        code = "" if event["code"] is None else f" code {event['code']}"
        text = f"{event['before']} to {event['after']}{code} {event['detail']}".strip()
        yield event["received_ms"], event["source"], text


def _filled(daemon: Daemon, order: Any, intent: Any) -> Iterator[_Step]:
    """What was executed, and the checks of position and stop behind it."""
    ledger = daemon.ledger
    executions = ledger.rows("SELECT * FROM executions WHERE link_id = ? ORDER BY n", (order["link_id"],))
    for each in executions:
        text = f"{each['side']} {each['qty']} at {each['price']}, fee {each['fee']} {each['fee_currency'] or 'USDT'}"
        caught = _caught_up(daemon, order, intent, each)
        yield each["received_ms"], "fill", f"{text} ({each['source']}){caught}"
    for key in (order["link_id"], *(each["exec_id"] for each in executions)):
        for check in ledger.rows("SELECT * FROM fill_checks WHERE link_id = ? ORDER BY n", (key,)):
            seen = f"{check['seen'] or '?'} of {check['expected']} at the venue, stop {check['stop_seen'] or 'none'}"
            yield check["checked_ms"], "check", f"{check['result']}: {seen}, after {check['latency_ms']} ms"


def _judged(daemon: Daemon, intent: Any) -> str:
    """What the gates said to an entry, as it stands with its intent; empty for what passes none of them."""
    found: dict[str, Any] = orjson.loads(intent["gates"] or b"{}")
    if "passed" not in found:
        return ""
    cut = f"; cut: {found['cut']}" if found.get("cut") else ""
    case = "SELECT 1 FROM judged WHERE instance = ? AND close_ms = ?"
    kept = daemon.ledger.row(case, (intent["instance"], intent["bar_close_ms"])) is not None
    again = "; `playctl explain` asks them again" if kept else ""
    return f"{found['passed']} passed, under {found.get('limits', 'no limits')}{cut}{again}"


def _caught_up(daemon: Daemon, order: Any, intent: Any, execution: Any) -> str:
    """Of an exit that was due while nobody was there: when, at which price, and what the wait has cost. Else empty."""
    if intent is None or not order["reduce_only"] or not intent["cause"].isdecimal():
        return ""
    due_ms, clock = (
        int(intent["cause"]),
        daemon.ledger.row("SELECT clock_ms FROM instances WHERE uid = ?", (intent["instance"],)),
    )
    bars = 0 if clock is None else (execution["venue_ms"] - due_ms) // clock["clock_ms"]
    if bars < CAUGHT_UP_BARS and not intent["reason"].startswith(CATCH_UP):
        return ""
    due, price = Decimal(intent["price_ref"]), Decimal(execution["price"])
    cost_bps = (price / due - 1) * 10_000 * (1 if order["side"] == Side.BUY else -1)
    return f"; catch_up: due {bars} bars before, at {rfc3339(due_ms)} and {due}: {cost_bps:+.1f} bps worse"


def _bar(daemon: Daemon, intent: Any) -> Any:
    clock = daemon.ledger.row("SELECT clock_ms FROM instances WHERE uid = ?", (intent["instance"],))
    if clock is None or not intent["bar_close_ms"]:
        return None
    return daemon.ledger.row(
        "SELECT * FROM bars WHERE instance = ? AND clock_ms = ? AND close_ms = ?",
        (intent["instance"], clock["clock_ms"], intent["bar_close_ms"]),
    )


_REPEATED: Final = (
    "result = 'blind' AND inputs_file = '' AND 'blind' IS"
    " (SELECT b.result FROM recon_runs b WHERE b.account = r.account AND b.id < r.id ORDER BY b.id DESC LIMIT 1)"
)
"""Condition for a run that failed behind another one that did, and is not kept."""


async def list_reconciliations(daemon: Daemon, params: p.Nothing, call: Call) -> list[a.ReconRow]:
    """
    The newest reconciliations of all accounts, newest first, each with what it found and what was planned about it. Of those
    that fail alike in an outage the ones whose inputs are kept.
    """
    runs = daemon.ledger.rows(f"SELECT * FROM recon_runs r WHERE NOT ({_REPEATED}) ORDER BY id DESC LIMIT ?", (RUNS,))
    oldest = runs[-1]["id"] if runs else 0
    found: dict[int, list[str]] = {}
    for each in daemon.ledger.rows("SELECT * FROM recon_diffs WHERE run >= ? ORDER BY run, n", (oldest,)):
        text = f"{each['class']} {each['scope']}: ledger {each['ours'] or '-'}, venue {each['theirs'] or '-'}, {each['repair']}"
        found.setdefault(each["run"], []).append(text)
    return [
        {
            "run": run["id"],
            "time": rfc3339(run["started_ms"]),
            "account": run["account"],
            "trigger": run["trigger"],
            "result": run["result"],
            "kinds": run["kinds"],
            "duration_ms": run["duration_ms"],
            "differences": "; ".join(found.get(run["id"], ())),
        }
        for run in runs
    ]


async def replay_reconciliation(daemon: Daemon, params: p.ReplayRecon, call: Call) -> a.Replayed:
    """What a kept reconciliation had before it, judged and planned again: the same plan, or another by newer code."""
    keep_days = daemon.ops.loaded.settings.recon.snapshot_keep_days
    snapshots = ReconSnapshots(daemon.ops.world.disk, daemon.clock, daemon.ops.state_dir, keep_days)
    try:
        kept, found, planned = snapshots.replay(params.run, _kept_of(daemon, snapshots, params.run))
    except LookupError:
        known = ", ".join(map(str, snapshots.runs()[:10])) or "none"
        text = f"nothing is kept of reconciliation {params.run}: those that match leave nothing; there are {known}"
        raise RpcError(Code.NOT_FOUND, text, hint="playctl reconcile list") from None
    except RecordError as error:
        raise RpcError(Code.INVALID, str(error), reason="damaged") from error
    return {
        "run": kept.run,
        "account": kept.account,
        "same": planned == kept.planned,
        "differences": [
            {
                "account": kept.account,
                "class": str(each.cls),
                "symbol": each.symbol,
                "ours": each.ours,
                "theirs": each.theirs,
                "value": None,
                "plan": f"{repair.kind}: {repair.note}",
            }
            for each, repair in zip(found, planned, strict=True)
        ],
        "planned_then": [f"{each.kind} {each.key}: {each.note}" for each in kept.planned],
        "version": kept.version or None,
        "failure": kept.inputs.failure or None,
        "pages": [
            {
                "endpoint": page.endpoint,
                "asked": rfc3339(page.asked_ms),
                "answered": rfc3339(page.answered_ms),
                "rows": page.rows,
                "failure": page.failure or None,
            }
            for page in kept.inputs.pages
        ],
    }


def _kept_of(daemon: Daemon, snapshots: ReconSnapshots, run: int) -> Kept | None:
    """Where the ledger has what a run had before it; an older program noted no place, only when the run was. None: unknown."""
    row = daemon.ledger.row(
        "SELECT inputs_file, inputs_digest, started_ms + duration_ms AS ended_ms FROM recon_runs WHERE id = ?", (run,)
    )
    return None if row is None else Kept(row["inputs_file"] or snapshots.path_of(run, row["ended_ms"]), row["inputs_digest"])


async def pnl(daemon: Daemon, params: p.Pnl, call: Call) -> list[a.PnlRow]:
    """Results of a time by day, by instance or by symbol, what is open now beside them."""
    names = {row["uid"]: row["name"] for row in daemon.ledger.rows("SELECT uid, name FROM instances")}
    owner = None if params.owner is None else owner_of(daemon, params.owner)
    wanted = Wanted(account_named(daemon, params.account), params.symbol, owner)
    targets = None if params.target is None else {slot.record.uid for slot in chosen(daemon, params.target)}
    results, after_n = Results(params.by, lambda uid: names.get(uid, uid)), 0
    while page := oldest_fills(daemon.ledger, wanted, after_n=after_n, limit=PAGE):
        for view in page:
            if targets is not None and view.owner not in targets:
                continue
            if params.to_ms is None or view.execution.time_ms < params.to_ms:
                results.take(view, counted=view.execution.time_ms >= (params.from_ms or 0))
        after_n = page[-1].n
        await anyio.lowlevel.checkpoint()
    open_now = _open_now(daemon, params, wanted, targets)
    keys = sorted(results.buckets.keys() | open_now.keys())
    shown: list[a.PnlRow] = []
    if not keys:
        warn_of_symbol(daemon, params.symbol, call)
    for key in keys:
        bucket, unrealised = results.buckets.get(key), open_now.get(key)
        shown.append(
            {
                "key": key,
                "realised": figure(bucket.realised if bucket else Decimal(0), rows.USDT, "ledger", 0.0),
                "unrealised": figure(unrealised, rows.USDT, "computed", 0.0, "no price yet" if key in open_now else "none"),
                "fees": figure(bucket.fees if bucket else Decimal(0), rows.USDT, "ledger", 0.0),
                "funding": figure(bucket.funding if bucket else Decimal(0), rows.USDT, "ledger", 0.0),
                "net": figure(bucket.net if bucket else Decimal(0), rows.USDT, "ledger", 0.0),
                "trades": bucket.trades if bucket else 0,
                "wins": bucket.wins if bucket else 0,
                "drawdown": figure(bucket.drawdown if bucket else Decimal(0), rows.USDT, "ledger", 0.0),
            }
        )
    return shown


def _open_now(daemon: Daemon, params: p.Pnl, wanted: Wanted, targets: Container[str] | None) -> dict[str, Decimal | None]:
    """
    Unrealised results of open shares by bucket, None where one of them has no price; by day they belong to no past one and are
    left out.
    """
    found: dict[str, Decimal | None] = {}
    for view in rows.all_positions(daemon) if params.by != "day" else ():
        fits = wanted.account in (None, view.account) and wanted.symbol in (None, view.symbol)
        fits = fits and wanted.owner in (None, view.owner) and (targets is None or view.owner in targets)
        if fits:
            signed = view.qty if view.side is Side.BUY else -view.qty
            key = view.symbol if params.by == "symbol" else rows.owner_name(daemon, view.owner)
            before = found.get(key, Decimal(0))
            if before is None or view.mark_price is None:
                found[key] = None
            else:
                found[key] = before + (view.mark_price - view.entry_price) * signed
    return found
