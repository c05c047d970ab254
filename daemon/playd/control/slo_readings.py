"""The figures behind the objectives of `ops.slo`, from ledger, accounts, hubs and watches. Pure reads."""

from collections.abc import Iterator
from typing import Final

from playd.control import rows
from playd.control.context import Daemon
from playd.ops.slo import Reading
from playd.orders.account import Account
from playd.orders.halts import ALL, account_scope, symbol_scope

NAKED_KEY: Final = "naked_since_ms:"


def readings(daemon: Daemon) -> list[Reading]:
    """Every figure that can be had now, and those that ought to be there and are not."""
    return [*_accounts(daemon), *_naked(daemon), *_feeds(daemon), *_clocks(daemon), *_ours(daemon)]


def _accounts(daemon: Daemon) -> Iterator[Reading]:
    now_ms, now_s = daemon.clock.wall_ms(), daemon.clock.mono_s()
    for alias, held in daemon.accounts.held.items():
        if held.blind is not None:  # of one that is not open too: it counts while something may be open there
            yield Reading("recon_blind", account_scope(alias), held.blind.for_s if held.blind.at_risk else 0.0)
    for account in rows.all_accounts(daemon):
        scope = account_scope(account.alias)
        yield Reading("recon_match", scope, daemon.ops.recons.matched_pct(account.alias, now_ms), "no reconciliation in 24 h")
        yield Reading("private_down", scope, _stream_down_s(daemon, account, now_s))
        yield Reading("unresolved_orders", scope, account.views.oldest_doubt_s())
        if account.key.days_left is not None:
            yield Reading("key_days_left", scope, float(account.key.days_left))


def _stream_down_s(daemon: Daemon, account: Account, now_s: float) -> float:
    """
    Seconds without the private stream, since the start where it never was up. An account without a position, and one that is
    refused, is never worse than a warning: nothing is at stake.
    """
    condition = account.desk.condition
    if condition.stream_up or condition.refused:
        return 0.0
    since_s = daemon.started_s if condition.stream_down_since_s is None else condition.stream_down_since_s
    exposed = any(share.position.signed_qty for share in account.desk.fills.shares())
    return now_s - since_s if exposed else min(now_s - since_s, daemon.ops.breaches.objectives["private_down"].warning)


def _naked(daemon: Daemon) -> Iterator[Reading]:
    """From the ledger, which knows since when also over a restart."""
    now_ms = daemon.clock.wall_ms()
    since = {
        row["key"].removeprefix(NAKED_KEY): int(row["value"])
        for row in daemon.ledger.rows("SELECT key, value FROM meta WHERE key LIKE ? AND value <> ''", (f"{NAKED_KEY}%",))
    }
    held = {f"{view.account}/{view.symbol}" for view in rows.all_positions(daemon)}
    for name in sorted(held | since.keys()):
        alias, _, symbol = name.partition("/")
        yield Reading("naked", symbol_scope(alias, symbol), (now_ms - since[name]) / 1000 if name in since else 0.0)


def _feeds(daemon: Daemon) -> Iterator[Reading]:
    """Only while an instance needs the data: a recorded market that has ended is no breach."""
    seen: set[str] = set()
    for slot in daemon.supervisor.slots.values():
        for symbol in slot.symbols:
            if slot.active and symbol not in seen and "market_ended" not in slot.facts.causes:
                seen.add(symbol)
                age_s = rows.feed_age_s(daemon, slot, symbol)
                yield Reading("feed_freshness", f"feed:{symbol}", age_s, "nothing was heard yet")


def _clocks(daemon: Daemon) -> Iterator[Reading]:
    for venue in daemon.ops.venue_times:
        known = venue.clock.last_good_age_s is not None
        yield Reading(
            "clock_offset", f"venue:{venue.name}", abs(venue.clock.offset_ms) if known else None, "the venue was never asked"
        )


def _ours(daemon: Daemon) -> Iterator[Reading]:
    ops, now_ms = daemon.ops, daemon.clock.wall_ms()
    oldest_ms = ops.alerts.rows.oldest_ms()
    yield Reading("alert_oldest", ALL, 0.0 if oldest_ms is None else (now_ms - oldest_ms) / 1000)
    unseen = [each.since_ms for each in ops.incidents.open_ones() if each.severity == "critical" and each.acked_ms is None]
    yield Reading("ack_sla", ALL, (now_ms - min(unseen)) / 60_000 if unseen else 0.0)
    up_h = (daemon.clock.mono_s() - daemon.started_s) / 3600
    verified_s = ops.chain.verified_age_s()
    yield Reading("chain_verified_age", ALL, up_h if verified_s is None else verified_s / 3600)
    if ops.backups.settings.every_min:
        age_s = ops.backups.age_s()
        # What no daemon was there to do cannot be late: the age counts from the start on.
        yield Reading("backup_age", ALL, up_h if age_s is None else min(up_h, age_s / 3600))
