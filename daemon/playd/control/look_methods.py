"""Methods that change nothing."""

from typing import Any, Final

from playd.control import look_answers as a
from playd.control import rows
from playd.control.arming_answers import Permission
from playd.control.arming_methods import arming_row
from playd.control.asked_for import account_named, names_in_messages, owner_of, warn_of_more, warn_of_symbol
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.figures import rfc3339, rounded
from playd.control.params import (
    ByName,
    Hello,
    Intents,
    Nothing,
    Rows,
    Selector,
    Subscribe,
    Target,
    Unsubscribe,
)
from playd.control.pipeline_rows import pipeline_rows, setting_rows
from playd.control.protocol import PROTOCOL, Code, RpcError
from playd.control.slices import in_slices
from playd.control.stream_filter import wanted_of
from playd.control.trade_rows import trade_row
from playd.core.modes import Mode
from playd.core.orders import OrderState
from playd.orders.halts import ALL
from playd.orders.on_record import LIMITS, named
from playd.orders.order_pages import Place, latest_orders, place_of
from playd.orders.recon_rows import REPAIRED
from playd.orders.rows import OrderRow
from playd.orders.verdicts import Verdicts
from playd.orders.views import PositionView, Wanted, latest_fills
from playd.supervisor.names import select
from playd.supervisor.slot import Slot
from playd.supervisor.states import State
from playd.supervisor.supervisor import names_of

PAGE: Final = 500
"""Rows of one page of a list."""

_DIGITS: Final = 18
"""No number of a cursor has more, and one that has may not fit the ledger's integers."""

ADDRESS: Final = "address"
"""What the rate budget calls the limit of our address, which all accounts share."""

SHOWN_INTENTS: Final = 5
"""Of one instance, beside its last verdicts."""


def chosen(daemon: Daemon, target: str | None) -> list[Slot]:
    """The instances that a target means, by name; live ones first. Raises `RpcError` when it means none."""
    slots = daemon.supervisor.slots
    if target is None and not slots:
        return []
    try:
        names = select(target, names_of(slots))
    except LookupError as error:
        raise RpcError(Code.NOT_FOUND, str(error)) from None
    except ValueError as error:
        raise RpcError(Code.INVALID_PARAMS, str(error)) from None
    return sorted((slots[name] for name in names), key=lambda slot: (slot.record.mode != "live", slot.name))


async def hello(daemon: Daemon, params: Hello, call: Call) -> a.Hello:
    if params.protocol != PROTOCOL:
        text = f"protocol {params.protocol} was asked for, this daemon speaks {PROTOCOL}"
        raise RpcError(Code.INVALID_REQUEST, text, hint="use the playctl of the daemon's version")
    seq, head = daemon.journal.head
    return {
        "protocol": PROTOCOL,
        "version": daemon.version,
        "daemon_id": daemon.daemon_id,
        "role": "operate",
        "mode_ceiling": str(daemon.ceiling),
        "journal_head": {"seq": seq, "hash": head},
    }


async def status(daemon: Daemon, params: Target, call: Call) -> a.Status:
    daemon.supervisor.look_around()
    shown = chosen(daemon, params.target)
    counts: dict[str, int] = {}
    for slot in daemon.supervisor.slots.values():
        counts[str(slot.record.mode)] = counts.get(str(slot.record.mode), 0) + 1
    highest, gravest = daemon.halts.highest(ALL), next(iter(daemon.halts.in_force()), None)
    seq, head = daemon.journal.head
    market_ms = daemon.market_ms()
    header: a.DaemonLine = {
        "version": daemon.version,
        "daemon_id": daemon.daemon_id,
        "uptime_s": rounded(daemon.clock.mono_s() - daemon.started_s),
        "ready": daemon.progress.ready,
        "step": daemon.progress.step,
        "counts": counts,
        "market_time": rfc3339(market_ms) if market_ms is not None else None,
        "halt_level": int(highest.level) if highest is not None else 0,
        "gravest_halt": None
        if gravest is None
        else {"level": int(gravest.level), "scope": rows.scope_name(daemon, gravest.scope), "code": gravest.code},
        "recon_age_s": _recon_age_s(daemon),
        "repairs_today": _repairs_today(daemon),
        "clock_offset_ms": _clock_offset_ms(daemon),
        "venue_ms": _venue_ms(daemon),
        **await _rates(daemon),
        "incidents": _incidents(daemon),
        "guardian": {"age_s": rounded(daemon.guardian.age_s), "missing": daemon.guardian.missing},
        "journal_head": {"seq": seq, "hash": head},
        "waivers": [
            {"check": name, "reason": reason, "until": rfc3339(until_ms)}
            for name, (reason, until_ms) in daemon.armings.waivers().items()
        ],
        "accounts": [_account_line(daemon, alias) for alias in sorted(daemon.accounts.held)],
    }
    await rows.learn_days(daemon)
    healthy = daemon.progress.ready and not any(rows.is_unhealthy(slot) for slot in shown)
    made = (rows.status_row(daemon, slot) for slot in shown)
    return {"healthy": healthy, "daemon": header, "instances": [row async for row in in_slices(made, daemon.clock)]}


def _account_line(daemon: Daemon, alias: str) -> a.AccountLine:
    held = daemon.accounts.held[alias]
    account = held.account
    not_ready = held.refused or (account.desk.condition.not_ready() if account is not None else rows.account_step(daemon, held))
    return {"alias": alias, "environment": str(held.plan.environment), "not_ready": not_ready}


def _recon_age_s(daemon: Daemon) -> float | None:
    """Age of the oldest newest clean reconciliation over the open accounts."""
    ages = []
    for account in rows.all_accounts(daemon):
        last_ms = rows.reconciled_ms(daemon, account.alias)
        if last_ms is None:
            return None
        ages.append((daemon.clock.wall_ms() - last_ms) / 1000)
    return rounded(max(ages)) if ages else None


def _clock_offset_ms(daemon: Daemon) -> float | None:
    """How far the venue's clock that is furthest away is ahead of ours; None before one was read."""
    read = [venue.clock.offset_ms for venue in daemon.ops.venue_times if venue.clock.last_good_age_s is not None]
    return rounded(max(read, key=abs)) if read else None


def _venue_ms(daemon: Daemon) -> float | None:
    """How long the slowest venue takes to answer a question about its time; None before one was asked."""
    return rounded(max((venue.clock.round_trip_ms or 0.0 for venue in daemon.ops.venue_times), default=0.0)) or None


async def _rates(daemon: Daemon) -> a.Rates:
    """How much of each rate limit the present window has used: of each account that of its fullest endpoint, of the address."""
    used: dict[str, int] = {}
    async for row in in_slices(daemon.ops.limits(), daemon.clock):
        if row.usable:
            name = row.account or ("address" if row.endpoint == ADDRESS else "public")
            used[name] = max(used.get(name, 0), round(100 * row.used / row.usable))
    return {"rate_used_pct": max(used.values(), default=0), "rates_used_pct": used}


def _incidents(daemon: Daemon) -> a.IncidentCount:
    """How many go on, and how many critical ones nobody has seen."""
    found = daemon.ops.incidents.open_ones()
    unseen = sum(each.severity == "critical" and each.acked_ms is None for each in found)
    return {"open": len(found), "critical_unseen": unseen}


def _repairs_today(daemon: Daemon) -> int:
    midnight_ms = daemon.clock.wall_ms() // 86_400_000 * 86_400_000
    row = daemon.ledger.row(
        f"SELECT count(*) AS n FROM recon_diffs d JOIN recon_runs r ON r.id = d.run WHERE r.started_ms >= ? AND d.{REPAIRED}",
        (midnight_ms,),
    )
    return 0 if row is None else int(row["n"])


async def list_instances(daemon: Daemon, params: Selector, call: Call) -> list[a.ListRow]:
    return [rows.list_row(slot) for slot in chosen(daemon, params.selector)]


async def get_instance(daemon: Daemon, params: ByName, call: Call) -> a.Instance:
    await rows.learn_days(daemon)
    slot = daemon.supervisor.find(params.name)
    record, account = slot.record, daemon.accounts.find(slot.record.account)
    positions = [view for view in rows.all_positions(daemon) if view.owner == record.uid]
    orders = [] if account is None else [row for row in account.views.orders() if row.owner == record.uid]
    verdicts = Verdicts(daemon.ledger, daemon.clock).latest(record.uid, record.clock_ms, 10)
    engine = slot.engine
    return {
        "record": {
            **rows.list_row(slot),
            "source": "the settings file" if record.declared else "playctl add",
            "capital_usd": record.capital_usd,
            "sharing": record.sharing,
        },
        "state": str(slot.state),
        "reasons": rows.reason_rows(slot),
        "status": rows.status_row(daemon, slot),
        "warmup": {
            "anchor": rfc3339(record.anchor_ms) if record.anchor_ms else "-",
            "last_bar": rfc3339(engine.last_open_ms) if engine is not None else "-",
            "warm": slot.facts.warm,
        },
        "positions": [rows.position_row(daemon, view) for view in positions],
        "orders": [rows.order_row(daemon, record.account, row) for row in orders],
        "intents": _intents(daemon, "i.account = ? AND i.instance = ?", (record.account, record.uid), SHOWN_INTENTS),
        "verdicts": [{"time": rfc3339(each.close_ms), "verdict": each.verdict, "detail": each.detail} for each in verdicts],
        "trades": [trade_row(trade) for trade in engine.engine.trades[-10:]] if engine is not None else [],
        "pipeline": (pipeline := pipeline_rows(daemon, slot)),
        "settings": setting_rows(pipeline),
        "limits": None if account is None else named(LIMITS, account.desk.settings_of(record.uid))[0],
        "arming": _arming(daemon, slot),
        "next_action": _next_action(daemon, slot),
    }


def _arming(daemon: Daemon, slot: Slot) -> Permission | None:
    """The newest permission of an instance with real money, None for others and where nobody gave one."""
    held = daemon.armings.held(slot.record.uid) if slot.record.mode is Mode.LIVE else None
    return None if held is None else arming_row(daemon, slot, held)


def _next_action(daemon: Daemon, slot: Slot) -> str:
    """What to type next, by state."""
    name = slot.name
    link = daemon.chain(slot.record) if slot.record.mode is Mode.LIVE and slot.state is State.DEGRADED else None
    if link is not None:
        return link.hint or link.text
    return {
        State.CREATED: f"playctl start {name}",
        State.STOPPED: f"playctl start {name}",
        State.FAILED: f"mend the cause, then playctl reset-failed {name}",
        State.PAUSED: f"playctl resume {name}",
        State.PANICKED: f'playctl resume {name} --reason "what was found", when flat',
    }.get(slot.state, "nothing to do")


async def list_positions(daemon: Daemon, params: Rows, call: Call) -> list[a.PositionRow]:
    wanted = _wanted(daemon, params)
    found = [rows.position_row(daemon, view) for view in rows.all_positions(daemon) if _fits(wanted, view.account, view)]
    if not found:
        warn_of_symbol(daemon, params.symbol, call)
    return found


async def list_orders(daemon: Daemon, params: Rows, call: Call) -> a.Orders:
    wanted, behind = _wanted(daemon, params), _place(params)
    if params.state == "all":
        found = await latest_orders(daemon.ledger, wanted, limit=PAGE, behind=behind)
    else:
        live = [(account.alias, row) for account in rows.all_accounts(daemon) for row in account.views.orders()]
        fitting = [(alias, row) for alias, row in live if _fits(wanted, alias, row)]
        left = [(alias, row) for alias, row in fitting if behind is None or place_of(row) > behind]
        found = sorted(left, key=lambda item: place_of(item[1]))[:PAGE]
    if not found:
        warn_of_symbol(daemon, params.symbol, call)
    shown = [rows.order_row(daemon, alias, row) for alias, row in found]
    last = found[-1][1] if len(found) == PAGE else None
    return {"rows": shown, "cursor": f"{last.created_ms}:{last.link_id}" if last is not None else None}


async def list_fills(daemon: Daemon, params: Rows, call: Call) -> a.Fills:
    views = latest_fills(daemon.ledger, _wanted(daemon, params), limit=PAGE, before_n=_cursor(params) or None)
    if not views:
        warn_of_symbol(daemon, params.symbol, call)
    return {
        "rows": [rows.fill_row(daemon, view) for view in views],
        "cursor": str(views[-1].n) if len(views) == PAGE else None,
    }


def _wanted(daemon: Daemon, params: Rows) -> Wanted:
    owner = None if params.owner is None else owner_of(daemon, params.owner)
    return Wanted(account_named(daemon, params.account), params.symbol, owner, params.since_ms)


def _place(params: Rows) -> Place | None:
    """The order that the page before ended with, None for the first page. Raises `RpcError`."""
    if params.cursor is None:
        return None
    created_ms, colon, link_id = params.cursor.partition(":")
    if not (colon and link_id):
        raise _not_a_cursor(params)
    return -_number(params, created_ms), link_id


def _cursor(params: Rows) -> int:
    """Where the page before ended, 0 for the first one. Raises `RpcError`."""
    return 0 if params.cursor is None else _number(params, params.cursor)


def _number(params: Rows, text: str) -> int:
    """A whole number that SQLite can hold, as cursors are made of. Raises `RpcError`."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise _not_a_cursor(params)
    return int(text)


def _not_a_cursor(params: Rows) -> RpcError:
    return RpcError(Code.INVALID_PARAMS, f"cursor {params.cursor!r}: expected the cursor of the page before")


def _fits(wanted: Wanted, account: str, row: PositionView | OrderRow) -> bool:
    begun_ms = row.opened_ms if isinstance(row, PositionView) else row.created_ms
    return (
        wanted.account in (None, account)
        and wanted.symbol in (None, row.symbol)
        and wanted.owner in (None, row.owner)
        and begun_ms >= (wanted.since_ms or 0)
    )


async def list_accounts(daemon: Daemon, params: Nothing, call: Call) -> list[a.BalanceRow]:
    """Wallets as their venues last stated them, and by name every account that is configured or was wanted and is not open."""
    found = [rows.balance_row(daemon, account) for account in rows.all_accounts(daemon)]
    closed = {alias: held for alias, held in daemon.accounts.held.items() if held.account is None}
    for alias, held in sorted(closed.items()):
        found.append(rows.closed_row(daemon, alias, held.plan.environment, held.refused or held.step))
    for alias, account in sorted(daemon.ops.loaded.settings.accounts.items()):
        if account.has_key and alias not in daemon.accounts.held:
            why = "not open: refused, or no instance trades on it; `playctl incident list` says which"
            found.append(rows.closed_row(daemon, alias, account.environment, why))
    return found


async def list_halts(daemon: Daemon, params: Nothing, call: Call) -> list[a.HaltRow]:
    return [rows.halt_row(daemon, halt) for halt in daemon.halts.in_force()]


async def list_intents(daemon: Daemon, params: Intents, call: Call) -> list[a.IntentRow]:
    found = _intents(daemon, "i.outcome = ''" if params.unresolved else "1", (), PAGE)
    warn_of_more(call, len(found), PAGE)
    return found


def _intents(daemon: Daemon, where: str, values: tuple[str, ...], limit: int) -> list[a.IntentRow]:
    """Intents with what became of them, newest first."""
    newest = "(SELECT {} FROM orders o WHERE o.intent = i.id ORDER BY o.attempt DESC LIMIT 1)"
    order = f"{newest.format('o.state')} AS order_state, {newest.format('o.link_id')} AS link_id"
    sql = f"SELECT i.*, {order} FROM intents i WHERE {where} ORDER BY i.created_ms DESC LIMIT ?"
    found = daemon.ledger.rows(sql, (*values, limit))
    now_ms = daemon.clock.wall_ms()
    return [
        {
            "id": row["id"],
            "instance": rows.owner_name(daemon, row["instance"]),
            "action": row["action"],
            "state": row["outcome"] or row["order_state"] or "-",
            "age_s": rounded((now_ms - row["created_ms"]) / 1000),
            **_resolving(daemon, row),
            "reason": row["reason"],
        }
        for row in found
    ]


def _resolving(daemon: Daemon, row: Any) -> a.Resolving:
    """How often the resolver has asked about the intent's newest order, and what comes next; nothing for one without doubt."""
    account = daemon.accounts.find(row["account"])
    doubt = account.resolver.progress(row["link_id"]) if account is not None and row["link_id"] else None
    if doubt is not None:
        rounds, due_s = doubt
        return {"round": rounds, "next": f"asked again in {due_s:.1f} s"}
    if row["order_state"] != OrderState.UNKNOWN:
        return {"round": None, "next": None}
    return {"round": 0, "next": "asked at once" if account is not None else f"account {row['account']} is not open"}


async def subscribe(daemon: Daemon, params: Subscribe, call: Call) -> a.Following:
    name, topics = params.filter.instance or params.instance, frozenset(params.topics)
    if params.instance not in (None, name):
        text = f"instance: found {params.instance!r} and {name!r} as filter.instance, expected one of both: they are the same"
        raise RpcError(Code.INVALID_PARAMS, text)
    wanted = wanted_of(params.filter, topics, () if name is None else names_in_messages(daemon, name))
    account_named(daemon, params.filter.account)
    warn_of_symbol(daemon, params.filter.symbol, call)
    return {"id": call.session.subscribe(topics, wanted)}


async def unsubscribe(daemon: Daemon, params: Unsubscribe, call: Call) -> a.Following:
    if not call.session.unsubscribe(params.id):
        raise RpcError(Code.NOT_FOUND, f"no subscription {params.id!r}")
    return {"id": params.id}
