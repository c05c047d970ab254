"""The plain sections: account, backtest, deploy, timeframes, entry."""

import itertools
from typing import Literal, cast

from playd.core.timeframes import TIMEFRAME_MS
from playd.plays.document import Leaf
from playd.plays.findings import IMPORTABLE, Report, one_of
from playd.plays.model import Account, BacktestMoney, Deploy, Entry, Timeframes
from playd.plays.older_names import OLDER_ROLES
from playd.plays.reader import Section
from playd.plays.tables import ACCOUNT, BACKTEST, DEPLOY, ENTRY, FEE_MODEL, ROLES, TIMEFRAME_TABLE
from playd.plays.timeframe_words import read_timeframe, right_spelling


def read_account(top: Section, has_risk: bool, report: Report) -> tuple[Account, float]:
    """The account, and the share of equity per trade in percent that counts when there is no risk map."""
    section = top.section("account", ACCOUNT)
    fees = section.section("fee_model", FEE_MODEL)
    if has_risk and section.has("risk_per_trade_pct"):
        path = section.path_of("risk_per_trade_pct")
        text = f"found `risk_per_trade_pct`, which has no effect beside a risk map, expected `risk_model.sizing`{IMPORTABLE}"
        report.add("E104", section.mark_of("risk_per_trade_pct"), path, text)
    account = Account(
        starting_equity_usdt=section.number("starting_equity_usdt"),
        max_leverage=section.number("max_leverage"),
        max_drawdown_pct=section.number("max_drawdown_pct"),
        margin_mode=cast(Literal["isolated_usdt"], section.text("margin_mode")),
        taker_bps=fees.number("taker_bps"),
        maker_bps=fees.number("maker_bps"),
        slippage_bps=section.number("slippage_bps"),
        min_trade_notional_usdt=section.number("min_trade_notional_usdt"),
        maintenance_margin_rate=section.number("maintenance_margin_rate"),
        mm_deduction_usdt=section.number("mm_deduction"),
        on_sl_beyond_liq=cast(Literal["reject", "adjust", "warn"], section.text("on_sl_beyond_liq")),
    )
    return account, section.number("risk_per_trade_pct")


def read_backtest(top: Section, account: Account) -> BacktestMoney:
    """The backtest's equity and slippage, those of the account when not written."""
    section = top.section("backtest", BACKTEST)
    equity, slippage = section.optional_number("equity_usdt"), section.optional_number("slippage_bps")
    return BacktestMoney(
        account.starting_equity_usdt if equity is None else equity, account.slippage_bps if slippage is None else slippage
    )


def read_deploy(top: Section, account: Account, report: Report) -> Deploy:
    """What a run at a venue uses. A written `dcp_window_s` is without effect (W903)."""
    section = top.section("deploy", DEPLOY)
    if section.has("dcp_window_s"):
        text = (
            "found a window, which has no effect: the venue's disconnect cancel serves institutional accounts only and leaves"
            " positions open, so nothing here rests on it"
        )
        report.add("W903", section.mark_of("dcp_window_s"), section.path_of("dcp_window_s"), text)
    capital = section.optional_number("capital_usdt")
    coin = cast(Literal["USDT"], section.text("settle_coin"))
    return Deploy(account.starting_equity_usdt if capital is None else capital, coin, section.integer("dcp_window_s"))


def read_timeframes(top: Section, report: Report) -> Timeframes:
    """The three roles and the execution clock. Roles must not fall: low ≤ med ≤ high (E211)."""
    section = top.section("timeframes", TIMEFRAME_TABLE)
    names: dict[str, str] = {}
    for role in ROLES:
        item = section.item(role)
        name = read_timeframe(item, section.path_of(role), report) if item is not None else None
        if name is not None:
            names[role] = name
    for lower, higher in itertools.pairwise(ROLES):
        if lower in names and higher in names and TIMEFRAME_MS[names[lower]] > TIMEFRAME_MS[names[higher]]:
            text = f"found {lower} {names[lower]} above {higher} {names[higher]}, expected low_tf ≤ med_tf ≤ high_tf"
            report.add("E211", section.mark_of(lower), section.path_of(lower), text)
    exec_word = _exec_role(section, report)
    known = [TIMEFRAME_MS[names[role]] if role in names else None for role in ROLES]
    stand_in = next((ms for ms in known if ms is not None), TIMEFRAME_MS["1m"])
    low, med, high = (stand_in if ms is None else ms for ms in known)
    return Timeframes(low, med, high, cast(Literal["low_tf", "med_tf", "high_tf"], exec_word))


def _exec_role(section: Section, report: Report) -> str:
    """The role that decides. Older files name it by another word, or by its timeframe."""
    item = section.item("exec")
    written = str(item.value) if isinstance(item, Leaf) and isinstance(item.value, str | int) else ""
    if written not in OLDER_ROLES and right_spelling(written) is None:
        return section.text("exec")
    found = f"found the older spelling `{written}`, expected the role that decides: {one_of(ROLES)}"
    report.add("E901", section.mark_of("exec"), section.path_of("exec"), found)
    return ROLES[0]


def read_entry(top: Section, report: Report) -> Entry:
    """How entries are sent. Keys of limit orders without LIMIT are E509."""
    section = top.section("entry", ENTRY)
    limit = section.text("order_type") == "LIMIT"
    for name in ("limit_offset_pct", "time_in_force", "expire_after_bars"):
        if section.has(name) and not limit:
            text = f"found `{name}`, which needs order_type LIMIT, expected market orders without it"
            report.add("E509", section.mark_of(name), section.path_of(name), text)
    time_in_force = section.text("time_in_force")
    expire = section.integer("expire_after_bars")
    if expire and time_in_force in ("IOC", "FOK"):
        text = f"found `expire_after_bars` with {time_in_force}, which never rests, expected GTC or PostOnly"
        report.add("E104", section.mark_of("expire_after_bars"), section.path_of("expire_after_bars"), text)
    return Entry(
        order_type="Limit" if limit else "Market",
        limit_offset_pct=section.number("limit_offset_pct"),
        time_in_force=cast(Literal["GTC", "IOC", "FOK", "PostOnly"], time_in_force),
        expire_after_bars=expire,
    )
