"""Whom a question is about: a slip of the keyboard is refused, because "no positions" would be believed."""

from dataclasses import dataclass, field
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control.asked_for import account_named, names_in_messages, owner_of, refuse_while_banned, warn_of_symbol
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.fill_quality import shortfall_figure
from playd.control.line_methods import query_logs
from playd.control.params import LogQuery
from playd.control.preflight import preflight
from playd.control.protocol import Code, RpcError
from playd.orders.ledger import Ledger
from playd.supervisor.records import InstanceRecord
from playd.world.virtual import virtual_world

INSTANCE = (
    "INSERT INTO instances (uid, name, account, symbol, mode, clock_ms, tag, created_ms, removed)"
    " VALUES (?, ?, 'main', 'BTCUSDT', 'demo', 60000, ?, ?, 1)"
)


LINES = [{"event": "instance.refused", "instance": "dropped"}, {"event": "account.up", "account": "once"}]
"""What the log holds, about an instance and an account of which no other record is left."""


@dataclass
class Warned:
    warnings: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
def daemon() -> Daemon:
    """One instance that runs, two of one name that were removed, an account that only the settings know."""
    world = virtual_world()
    world.disk.mkdir(PurePath("/state"))
    ledger = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    for uid, created_ms in (("old1", 1), ("old2", 2)):
        ledger.write(INSTANCE, (uid, "gone", uid, created_ms))
    slots = {"alpha": SimpleNamespace(record=SimpleNamespace(uid="u1"))}
    parts = {
        "supervisor": SimpleNamespace(slots=slots),
        "accounts": SimpleNamespace(held={}, find=lambda _: None),
        "ops": SimpleNamespace(
            loaded=SimpleNamespace(settings=SimpleNamespace(accounts={"spare": None}, instances={"declared": None}))
        ),
        "ledger": ledger,
        "query_logs": lambda limit, wanted, before=None: [line for line in LINES if wanted.passes(line)][:limit],
    }
    return cast("Daemon", SimpleNamespace(**parts))


def test_an_instance_is_known_by_name_and_uid_also_when_it_was_removed(daemon: Daemon) -> None:
    assert [owner_of(daemon, name) for name in ("alpha", "gone", "old1", "foreign")] == ["u1", "old2", "old1", "foreign"]
    with pytest.raises(RpcError, match="did you mean 'alpha'") as caught:
        owner_of(daemon, "alpa")
    assert caught.value.code is Code.NOT_FOUND


@pytest.mark.anyio
async def test_lines_that_there_are_are_shown_whoever_they_are_about_and_a_slip_is_refused(daemon: Daemon) -> None:
    call: Any = Warned()
    for query, count in (({"instance": "dropped"}, 1), ({"account": "once"}, 1), ({"instance": "declared"}, 0)):
        assert len(await query_logs(daemon, LogQuery.model_validate(query), cast("Call", call))) == count
    names = [names_in_messages(daemon, name) for name in ("alpha", "declared", "dropped")]
    assert names == [("alpha", "u1"), ("declared",), ("dropped",)]
    with pytest.raises(RpcError, match="did you mean 'alpha'"):
        await query_logs(daemon, LogQuery(instance="alpa"), cast("Call", call))
    with pytest.raises(RpcError, match="no instance"):
        names_in_messages(daemon, "nobody")


def test_an_account_that_nobody_ever_had_is_refused_with_the_nearest(daemon: Daemon) -> None:
    assert [account_named(daemon, alias) for alias in ("main", "spare", None)] == ["main", "spare", None]
    with pytest.raises(RpcError, match="did you mean 'main'"):
        account_named(daemon, "mian")


def test_nothing_found_of_a_symbol_that_was_never_traded_is_a_warning(daemon: Daemon) -> None:
    call: Any = Warned()
    for symbol in ("BTCUSDT", None, "BTCUSD"):
        warn_of_symbol(daemon, symbol, cast("Call", call))
    assert call.warnings == [("unknown_symbol", "nothing here has ever traded 'BTCUSD'; did you mean BTCUSDT?")]


def test_shortfall_is_the_median_cost_of_the_newest_fills_in_either_direction(daemon: Daemon) -> None:
    record = cast("InstanceRecord", SimpleNamespace(account="main", uid="u1", symbol="BTCUSDT"))
    assert shortfall_figure(daemon, record)["value"] is None
    fills = [("Buy", "100.1"), ("Sell", "99.8"), ("Buy", "99.7"), *[("Buy", "101")] * 20][::-1]  # the newest are in front
    for n, (side, price) in enumerate(fills):
        _filled(daemon.ledger, n, side, price)
    assert shortfall_figure(daemon, record)["value"] == "100.00"  # of 20: 17 that cost 1 %, and the newest three
    for n in range(100, 120):
        _filled(daemon.ledger, n, "Sell", "100.05")
    assert shortfall_figure(daemon, record)["value"] == "-5.00"
    for n, (action, decided_at, bar_close_ms, reason) in enumerate(NO_DECISION):
        _filled(daemon.ledger, 200 + n, "Sell", "150", (action, "exit", decided_at, bar_close_ms, reason))
    assert shortfall_figure(daemon, record)["value"] == "-5.00"


NO_DECISION = [("target", "100", 0, "tp"), ("flatten", "100", 0, "closed by hand"), ("exit", "0", 1, "recovered")] * 8


def _filled(
    ledger: Ledger, n: int, side: str, price: str, decided: tuple[str, str, str, int, str] = ("enter", "entry", "100", 1, "")
) -> None:
    """An intent (action, class, its price, close of its bar, reason), its order and its execution."""
    action, group, decided_at, bar_close_ms, reason = decided
    intent = f"u1/{n}/{action}/0"
    ledger.write(
        "INSERT INTO intents VALUES (?, 'u1', 'main', ?, ?, ?, 0, ?, 'BTCUSDT', ?, '1', ?, NULL, NULL, NULL,"
        " ?, '', '', '', '', 1, 2, '', '')",
        (intent, str(n), bar_close_ms, action, group, side, decided_at, reason),
    )
    ledger.write(
        "INSERT INTO orders (link_id, intent, attempt, account, owner, action, symbol, side, type, tif, qty, reduce_only,"
        " state, created_ms, last_event_ms)"
        " VALUES (?, ?, 0, 'main', 'u1', 'enter', 'BTCUSDT', ?, 'Market', 'IOC', '1', 0, 'FILLED', 1, 1)",
        (f"pd-{n}", intent, side),
    )
    ledger.write(
        "INSERT INTO executions (account, exec_id, link_id, venue_order_id, symbol, position_idx, side, qty, price, value, fee,"
        " fee_currency, exec_type, create_type, stop_order_type, closed_size, exec_pnl, seq, is_maker, venue_ms, received_ms,"
        " source, owner) VALUES ('main', ?, ?, 'v', 'BTCUSDT', 0, ?, '1', ?, '1', '0', 'USDT', 'Trade', '', '', '0', '0', 1, 0,"
        " 1, 1, 'ws', 'u1')",
        (f"e{n}", f"pd-{n}", side, price),
    )


@pytest.mark.anyio
async def test_while_our_address_is_banned_a_person_hears_so_at_once_and_not_at_its_end() -> None:
    desk = SimpleNamespace(budget=SimpleNamespace(banned_for_s=541.2), clock=SimpleNamespace(wall_ms=lambda: 1_700_000_000_000))
    account = cast("Any", SimpleNamespace(alias="main", desk=desk))

    async def opened(_record: object) -> object:
        return account

    with pytest.raises(RpcError) as refused:
        refuse_while_banned(account, "again afterwards")
    assert (refused.value.code, refused.value.reason) == (Code.REFUSED, "banned")
    until = "2023-11-14T22:22:21.200Z"
    assert str(refused.value) == f"account main: the venue has banned our address until {until}, 541 s more"
    slot = cast("Any", SimpleNamespace(record=SimpleNamespace(account="main")))
    checks = await preflight(cast("Any", SimpleNamespace(open_account=opened)), slot, cast("Any", None))
    assert [(check.name, check.result) for check in checks] == [("account", "unknown")]
    desk.budget.banned_for_s = 0.0
    refuse_while_banned(account, "again afterwards")
