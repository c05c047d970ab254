"""
The look before a start with real money: account and instance, asked of the venue now. Changes nothing at it.

Every line is a check of its own; one whose answer did not come is `unknown`, and that does not pass.
"""

from decimal import Decimal
from pathlib import PurePath
from typing import Final

import anyio

from playd.control.asked_for import banned_text
from playd.control.context import Daemon
from playd.control.practice import alerts_verified
from playd.control.slices import in_slices
from playd.core.errors import LinkError, OperatorError, PlayError, VenueError
from playd.core.instrument import Instrument
from playd.core.timeframes import DAY_MS, MINUTE_MS, bar_open_ms
from playd.market.hub import MarketHub
from playd.orders.account import Account
from playd.orders.order_book import FOREIGN
from playd.settings.policy import Policy
from playd.supervisor.checks import Check, judged
from playd.supervisor.loading import load_program
from playd.supervisor.slot import Slot
from playd.venues.port import KeyInfo, Priority

_AWAY: Final = (VenueError, LinkError)


async def preflight(daemon: Daemon, slot: Slot, policy: Policy) -> list[Check]:
    """Every check of one instance and its account, in a fixed order. Opens the account if it is not open."""
    try:
        account = await daemon.open_account(slot.record)
    except (OperatorError, PlayError) as error:
        return [Check("account", "fail", str(error), "playctl creds check " + slot.record.account)]
    if banned := banned_text(account):
        return [Check("account", "unknown", banned, "the same again afterwards")]
    return [
        judged("account", True, f"{account.environment}, hosts of its own environment"),
        *await _key(account, policy),
        await _mode(account),
        *await _symbol(daemon, account, slot),
        _balance(account, slot),
        _strangers(account, slot),
        await _books(account),
        _protected(account),
        await _warm_up(daemon, slot),
        _feed(daemon, slot),
        await _rates(daemon, account, policy),
        judged(
            "alerts", alerts_verified(daemon), "within a week a person types a code that a route brought", "playctl notify test"
        ),
        _rehearsal(daemon, account, policy),
    ]


async def _key(account: Account, policy: Policy) -> list[Check]:
    try:
        info, refusal = await account.key.ask()
    except _AWAY as error:
        return [Check("key", "unknown", str(error))]
    return [judged("key", not refusal, refusal or f"uid {info.uid}, may trade and nothing else"), _days(info, policy)]


def _days(info: KeyInfo, policy: Policy) -> Check:
    if info.days_left is None:
        return judged("key_days", True, "bound to addresses, without an end")
    return judged("key_days", info.days_left > policy.key_days, f"{info.days_left} days, more than {policy.key_days} expected")


async def _mode(account: Account) -> Check:
    """A unified account; what else the daemon needs of its mode is watched while it runs."""
    try:
        info = await account.desk.port.account_info()
    except _AWAY as error:
        return Check("account_mode", "unknown", str(error))
    wrong = account.desk.condition.refused
    return judged(
        "account_mode", not wrong and bool(info.margin_mode), wrong or f"{info.margin_mode}, unified {info.unified_status}"
    )


async def _symbol(daemon: Daemon, account: Account, slot: Slot) -> list[Check]:
    symbol, limits = slot.record.symbol, slot.record.own_limits.within(account.desk.settings.limits)
    try:
        rules = (await account.desk.port.instruments([symbol])).get(symbol)
        seen = await account.desk.port.positions(symbol, priority=Priority.RECONCILE)
    except _AWAY as error:
        return [Check("instrument", "unknown", str(error)), Check("leverage", "unknown", str(error))]
    if rules is None:
        return [Check("instrument", "fail", f"the venue does not list {symbol}")]
    # Of a symbol that is not in use yet the daemon sets the leverage when it takes it up; until then the venue's says nothing.
    in_use = symbol in account.desk.instruments or any(each.qty for each in seen)
    stated = next((each.leverage for each in seen if each.leverage), None) if in_use else None
    leverage, most = stated or account.desk.settings.leverage, limits.max_leverage
    return [
        judged("instrument", rules.status == "Trading", f"{symbol} is {rules.status}"),
        judged(
            "leverage",
            None if leverage is None or most is None else leverage <= most,
            f"{leverage} ×, {f'at most {most} ×' if most is not None else 'no bound is set'}",
        ),
        await _smallest(daemon, slot, rules, limits.order_usd or limits.hard_order_usd),
    ]


async def _last_close(hub: MarketHub, symbol: str) -> Decimal | None:
    """Of the newest candles that the venue has; None when it does not answer."""
    try:
        now_ms = await hub.market_now_ms()
        found = await hub.history(symbol, bar_open_ms(now_ms, MINUTE_MS) - 3 * MINUTE_MS, now_ms)
    except _AWAY:
        return None
    return Decimal(repr(float(found.close[-1]))) if len(found) else None


async def _smallest(daemon: Daemon, slot: Slot, rules: Instrument, cap: Decimal | None) -> Check:
    """Whether the cap of the step leaves room for the smallest order there is."""
    hub = daemon.find_hub(slot.record)
    ticker = hub.ticker(slot.record.symbol) if hub is not None else None
    price = (ticker.mark or ticker.last) if ticker is not None else None
    if price is None and hub is not None:
        price = await _last_close(hub, slot.record.symbol)
    if price is None or cap is None:
        return Check("smallest_order", "unknown", "no price yet" if price is None else "no cap")
    needed = max(rules.min_qty * price, rules.min_notional_usdt)
    return judged(
        "smallest_order", needed <= cap, f"{needed:.2f} USDT against the cap of {cap} USDT", "a dearer step, or another symbol"
    )


def _balance(account: Account, slot: Slot) -> Check:
    wallet = account.desk.condition.wallet
    if wallet is None:
        return Check("balance", "unknown", "not read yet")
    wanted = Decimal(slot.record.capital_usd)
    text = f"{wallet.balance_usdt:.2f} USDT, {wanted} are the Play's capital"
    return judged("balance", wallet.balance_usdt >= wanted, text, "pay in, or lower deploy.capital in the Play")


def _strangers(account: Account, slot: Slot) -> Check:
    symbol = slot.record.symbol
    orders = [row.venue_order_id or row.link_id for row in account.desk.book.live(symbol) if row.owner == FOREIGN]
    held = account.desk.fills.position(FOREIGN, symbol).signed_qty
    found = [*(f"order {each}" for each in orders), *([f"position {held}"] if held else [])]
    return judged(
        "nothing_foreign", not found, ", ".join(found) or f"nothing of others on {symbol}", "close it by hand, or adopt it"
    )


async def _books(account: Account) -> Check:
    report = await account.reconcile("preflight")
    text = report.result if report.result != "blind" else f"blind: {report.error}"
    return judged("reconciled", None if report.result == "blind" else report.result == "match", text, "playctl reconcile")


def _protected(account: Account) -> Check:
    naked = [view.symbol for view in account.views.positions() if not view.protected]
    return judged("protected", not naked, ", ".join(naked) or "every position has its stop at the venue", "playctl positions")


async def _warm_up(daemon: Daemon, slot: Slot) -> Check:
    """Whether the venue has the candles that the first decision needs."""
    if slot.facts.warm:
        return judged("warm_up", True, "warm")
    hub = daemon.find_hub(slot.record)
    if hub is None:
        return Check("warm_up", "unknown", "its market is not open")
    play = await daemon.commands.read_play(PurePath(slot.record.play_path))
    await daemon.compile_for(play)
    program = await load_program(play, MINUTE_MS, anyio.lowlevel.checkpoint)
    try:
        first_ms = program.anchor_ms(bar_open_ms(await hub.market_now_ms(), MINUTE_MS))
        found = await hub.history(slot.record.symbol, first_ms, first_ms + MINUTE_MS)
    except _AWAY as error:
        return Check("warm_up", "unknown", str(error))
    return judged("warm_up", len(found) > 0, f"{program.warmup_ms // MINUTE_MS} candles before the first decision")


def _feed(daemon: Daemon, slot: Slot) -> Check:
    hub = daemon.find_hub(slot.record)
    if hub is None:
        return Check("feed", "unknown", "its market is not open")
    return judged("feed", hub.connected, "the public stream is up" if hub.connected else "the public stream is down")


async def _rates(daemon: Daemon, account: Account, policy: Policy) -> Check:
    made = in_slices(daemon.ops.limits(), daemon.clock)
    lines = [line async for line in made if line.account in (account.alias, "") and line.usable]
    worst = max(lines, key=lambda line: line.used / line.usable, default=None)
    if worst is None:
        return judged("rate", True, "nothing was sent yet")
    used = Decimal(100 * worst.used) / worst.usable
    return judged("rate", used <= policy.rate_head_pct, f"{used:.0f} % of {worst.endpoint}, at most {policy.rate_head_pct} %")


def _rehearsal(daemon: Daemon, account: Account, policy: Policy) -> Check:
    """A panic of this account that ended flat, lately: with nothing open it costs nothing and shows that it works."""
    found = daemon.evidence.newest("panic_rehearsal", account.alias)
    fix = f'playctl panic account:{account.alias}, then playctl resume account:{account.alias} --reason "what was found"'
    if found is None:
        return judged("panic_rehearsal", None, "no panic of this account was ever seen to work", fix)
    age_ms = daemon.clock.wall_ms() - found.created_ms
    text = f"{age_ms / DAY_MS:.0f} days ago, at most {policy.rehearsal_age_days}"
    holds = found.passed and age_ms <= policy.rehearsal_age_days * DAY_MS
    return judged("panic_rehearsal", holds, text, fix, evidence=found.id, age_s=age_ms / 1000)
