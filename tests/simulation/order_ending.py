"""What must be true of an account a while after everything that went wrong is over."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from playd.core.ids import link_id
from playd.core.orders import Action, OrderState
from playd.orders.caps import hour_ms
from playd.orders.fold import ADOPTED, REST, fold
from playd.orders.halts import Level, account_scope, instance_scope, symbol_scope
from playd.orders.order_book import FOREIGN
from playd.orders.rows import plain, text
from tests.simulation.order_world import OrderWorld


def check_ending(life: OrderWorld, told: Counter[str], places: Mapping[str, str]) -> None:
    """`told` counts the executions that instances were told of; `places` are the instances and their symbols."""
    venue, desk = life.venue, life.account.desk
    assert [row.link_id for row in desk.book.live() if row.state is OrderState.UNKNOWN] == [], "an order in doubt for ever"
    assert all(count == 1 for count in told.values()), "a fill was told twice"
    rows = desk.ledger.rows("SELECT exec_id, owner, exec_type FROM executions")
    booked = {row["exec_id"].partition(REST)[0] for row in rows if row["exec_type"] != ADOPTED}
    assert booked == {row.exec_id for row in venue.execution_rows}, "an execution is missing, or was invented"
    owned = {row["exec_id"] for row in rows if row["owner"] != FOREIGN and _is_told(row)}
    assert owned == set(told), "an instance was not told of its fill, or of another's"
    for symbol in places.values():
        assert desk.fills.net(symbol) == venue.signed(symbol), f"{symbol} does not add up"
        shares = [share for share in desk.fills.shares(symbol) if share.position.signed_qty]
        ours = any(share.owner != FOREIGN for share in shares)
        sides = {share.position.side for share in shares}
        assert len(sides) <= 1, f"a share of {symbol} stands against the venue's position"
        assert not ours or not venue.signed(symbol) or venue.stop_of(symbol), f"{symbol} is naked"
    for owner, symbol in places.items():
        _target_is_there(life, owner, symbol)
    derived_rows_are_their_executions(life)
    budgets_are_their_entries(life)
    link_ids_are_those_of_their_intents(life)
    assert desk.ledger.rows("SELECT 1 FROM incidents WHERE kind IN ('CONTRADICTION', 'INTENT_CHANGED', 'OVERFILL')") == []


def derived_rows_are_their_executions(life: OrderWorld) -> None:
    """Everything that is kept beside executions, rebuilt from them: the same text in every column."""
    ledger, desk = life.ledger, life.account.desk
    for kept in ledger.rows("SELECT * FROM virtual_positions WHERE account = ?", (desk.alias,)):
        rebuilt = fold(desk.fills.executions(kept["instance"], kept["symbol"]))
        names = ("signed_qty", "avg_price", "realised", "fees", "funding")
        assert {name: kept[name] for name in names} == {name: text(getattr(rebuilt, name)) for name in names}
        assert kept["opened_ms"] == rebuilt.opened_ms
    for order in ledger.rows("SELECT link_id, cum_qty, avg_price FROM orders WHERE account = ?", (desk.alias,)):
        qty, average = desk.fills.executed(order["link_id"])
        assert (order["cum_qty"], order["avg_price"]) == (plain(qty), text(average)), order["link_id"]


def budgets_are_their_entries(life: OrderWorld) -> None:
    """
    What is counted of an hour is what the entries of its decisions opened, and may open yet: whatever happened on the way, and
    in however many lives, nothing else is reserved, and nothing less.
    """
    desk, used, reserved = life.account.desk, defaultdict[int, Decimal](Decimal), defaultdict[int, Decimal](Decimal)
    entries = "FROM intents i JOIN orders o ON o.intent = i.id WHERE i.class = 'entry' AND o.account = ?"
    for row in life.ledger.rows(f"SELECT o.link_id, i.bar_close_ms, i.price_ref {entries}", (desk.alias,)):
        order, at_ms = desk.book.need(row["link_id"]), hour_ms(row["bar_close_ms"])
        reserved[at_ms] += order.open_qty * max(Decimal(row["price_ref"]), order.price or Decimal(0))
        for each in life.ledger.rows("SELECT qty, price FROM executions WHERE link_id = ?", (row["link_id"],)):
            used[at_ms] += Decimal(each["qty"]) * Decimal(each["price"])
    for row in life.ledger.rows("SELECT * FROM budgets WHERE kind = 'hour_usd'"):
        at_ms = row["window_start_ms"]
        assert Decimal(row["reserved"]) == reserved.pop(at_ms, Decimal(0)), "a reserve is left over, or lost"
        assert Decimal(row["used"]) == used.pop(at_ms, Decimal(0)), "more or less is used than was executed"
    assert not any({**reserved, **used}.values()), "an entry is not counted"


def link_ids_are_those_of_their_intents(life: OrderWorld) -> None:
    """Every link id on record is what its intent and attempt give, so that no crash and no clock had a part in it."""
    sql = "SELECT link_id, attempt, instance, cause, intents.action, leg FROM orders JOIN intents ON intents.id = orders.intent"
    for row in life.ledger.rows(f"{sql} WHERE orders.account = ?", (life.account.alias,)):
        fields = (row["instance"], row["cause"], Action(row["action"]), row["leg"], row["attempt"])
        assert row["link_id"] == link_id(*fields), fields


def _target_is_there(life: OrderWorld, owner: str, symbol: str) -> None:
    """What rests for a share's target is all of the share, or nothing where nobody wants any; never more."""
    desk = life.account.desk
    held = desk.fills.position(owner, symbol).signed_qty
    rests = [order for order in life.venue.orders.values() if order.symbol == symbol and order.reduce_only]
    rests = [order for order in rests if order.order_type == "Limit" and order.status in ("New", "PartiallyFilled")]
    there = sum((order.qty - order.cum_qty for order in rests), Decimal(0))
    assert there <= abs(held), f"targets of {there} rest for a share of {held} {symbol}"
    halt = desk.halts.highest(symbol_scope("main", symbol), account_scope("main"), instance_scope(owner))
    wanted = [each for each in desk.book.open_intents() if (each.instance, each.symbol) == (owner, symbol)]
    if (halt is not None and halt.level >= Level.PANIC) or any(each.action != Action.TARGET for each in wanted):
        return
    whole = desk.fills.net(symbol) == held and bool(wanted) and held != 0
    assert not whole or there == abs(held), f"the target of {held} {symbol} is {there}"


def _is_told(row: Any) -> bool:
    """Whether an execution is an instance's business: what moves its position, and its funding; of an adoption its own row."""
    return bool(row["exec_type"] != ADOPTED or row["exec_id"].endswith(":in"))
