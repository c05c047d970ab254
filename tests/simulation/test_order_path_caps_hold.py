"""
Caps hold at the venue itself, whatever happens on the way: several instances decide in one instant, answers get lost, orders
fill in parts while nobody knows of them, days change, the daemon dies. What the venue holds and has working is added up anew,
and the daemon's own second look at its entries finds nothing.
"""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import anyio
import pytest

from playd.core.modes import Environment
from playd.core.orders import Side
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.orders.instance_port import InstancePort
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from tests.simulation.fake_venue import WORKING
from tests.simulation.order_ending import budgets_are_their_entries
from tests.simulation.order_world import READY, build, entry, leave
from tests.simulation.venue_script import EventFault, WriteFault

DEPOSIT = Decimal(10_000)
LIMITS = RiskLimits(
    gross_pct=Decimal(12),
    net_pct=Decimal(10),
    symbol_pct=Decimal(8),
    max_positions=2,
    day_notional_pct=Decimal(40),
    week_notional_pct=Decimal(60),
)
LIMITED = replace(OrderSettings.of(Environment.LOCAL), limits=LIMITS)
OWNERS = {"abcd2345": "BTCUSDT", "efgh6789": "ETHUSDT", "jkmn2345": "SOLUSDT"}
NOON_MS, EVE_MS = DAY_MS // 2, DAY_MS - 9 * MINUTE_MS
STEPS = 80


def drawn(random: Random, steps: int) -> list[tuple[str, Any]]:
    """What happens, in its order."""
    words = random.choices([*WORDS], [*WORDS.values()], k=steps)
    return [(word, _drawn(random, word)) for word in words]


WORDS = {
    **{"decide": 12, "writes": 4, "events": 1, "wait": 6, "late tokens": 1, "rest": 2},
    **{"fill a part": 3, "fill": 3, "leave": 5, "take back": 1, "die": 1},
}
"""How often each thing happens beside the others."""


def _drawn(random: Random, word: str) -> Any:
    if word == "decide":
        owners = random.sample([*OWNERS], random.randint(1, 3))
        kinds = ["Market", "Market", "Limit"]
        return [(uid, random.choice([*Side]), random.randint(2, 14), random.choice(kinds)) for uid in owners]
    choices: dict[str, list[Any]] = {
        "wait": [0.01, 1.0, 10.0, 90.0],
        "late tokens": [0.0, 0.0, 0.05, 0.2],
        "rest": [True, False],
        "fill a part": [1, 2, 3],
        "leave": [*OWNERS],
    }
    if word in ("writes", "events"):
        return random.choices([*(WriteFault if word == "writes" else EventFault)], k=random.randint(1, 3))
    return random.choice(choices[word]) if word in choices else None


class Lives:
    """An account over several lives of the daemon."""

    def __init__(self, first_close_ms: int) -> None:
        self.life = build(settings=LIMITED)
        self.close_ms = first_close_ms
        self.ports: dict[str, InstancePort] = {}

    async def live(self, steps: list[tuple[str, Any]]) -> None:
        """Take steps until one of them is the end of this life; drops those taken."""
        async with self.life.running():
            self.ports = {uid: await self.life.register(uid, symbol=symbol) for uid, symbol in OWNERS.items()}
            while steps:
                word, what = steps.pop(0)
                if word == "die":
                    return
                await self.take(word, what)
                self.holds()
            await anyio.sleep(90.0)
            self.holds()
            budgets_are_their_entries(self.life)

    async def take(self, word: str, what: Any) -> None:
        venue = self.life.venue
        if word == "decide":
            self.close_ms += MINUTE_MS
            async with anyio.create_task_group() as instant:
                for uid, side, thousandths, kind in what:
                    wanted = entry(self.close_ms, side=side, qty=f"0.{thousandths:03}", uid=uid, symbol=OWNERS[uid])
                    wanted = wanted if kind == "Market" else replace(wanted, order_type=kind, price=wanted.price_ref)
                    instant.start_soon(self.ports[uid].submit, wanted, READY)
        elif word == "writes":
            venue.script.writes = [*what]
        elif word == "events":
            venue.script.events = [*what]
        elif word == "wait":
            await anyio.sleep(what)
        elif word == "late tokens":
            self.life.budget.wait_s = what
        elif word == "rest":
            venue.resting = bool(what)
        elif word == "fill a part":
            self.fill_part(Decimal(what) / 1000)
        elif word == "leave":
            self.close_ms += MINUTE_MS
            held = venue.signed(OWNERS[what])
            side = Side.SELL if held > 0 else Side.BUY
            exit_ = leave(self.close_ms, side=side, qty=str(abs(held)), uid=what)
            if held:
                await self.ports[what].submit(replace(exit_, symbol=OWNERS[what]))
        elif word == "fill":
            venue.fill_resting()
        else:
            await self.life.account.cancel_entries()

    def fill_part(self, qty: Decimal) -> None:
        if any(each.status in WORKING[:2] and each.qty - each.cum_qty >= qty for each in self.life.venue.orders.values()):
            self.life.venue.fill_part(qty)

    def holds(self) -> None:
        """No cap is exceeded by what the venue holds and has working, each side in its worst direction."""
        venue, price = self.life.venue, self.life.venue.price
        most: defaultdict[str, Decimal] = defaultdict(Decimal)
        least: defaultdict[str, Decimal] = defaultdict(Decimal)
        for symbol in OWNERS.values():
            most[symbol] = least[symbol] = venue.signed(symbol)
        for order in venue.orders.values():
            if order.status in WORKING[:2] and not order.reduce_only:
                sides = most if order.side is Side.BUY else least
                sides[order.symbol] += (order.qty - order.cum_qty) * (1 if order.side is Side.BUY else -1)
        each = {symbol: max(abs(most[symbol]), abs(least[symbol])) * price for symbol in OWNERS.values()}
        net = max(abs(sum(most.values(), Decimal(0))), abs(sum(least.values(), Decimal(0)))) * price
        assert sum(each.values()) <= share(LIMITS.gross_pct), each
        assert net <= share(LIMITS.net_pct), (most, least)
        assert max(each.values()) <= share(LIMITS.symbol_pct), each
        assert sum(1 for usd in each.values() if usd) <= 2, each
        opened = self.opened()
        assert all(usd <= share(LIMITS.day_notional_pct) for usd in opened.values()), opened
        assert sum(opened.values(), Decimal(0)) <= share(LIMITS.week_notional_pct), opened
        assert [halt.text for halt in self.life.halts.in_force() if halt.code == "INVARIANT"] == []

    def opened(self) -> dict[int, Decimal]:
        """Notional that entries executed, by the UTC day of the bar that decided them."""
        found = self.life.ledger.rows(
            "SELECT o.link_id, i.bar_close_ms FROM orders o JOIN intents i ON i.id = o.intent WHERE i.class = 'entry'"
        )
        decided = {row["link_id"]: row["bar_close_ms"] for row in found}
        days: defaultdict[int, Decimal] = defaultdict(Decimal)
        for execution in self.life.venue.execution_rows:
            if execution.link_id in decided:
                days[decided[execution.link_id] // DAY_MS] += execution.qty * execution.price
        return days


def share(pct: Decimal | None) -> Decimal:
    assert pct is not None
    return DEPOSIT * pct / 100


@pytest.mark.parametrize("seed", range(16))
async def test_caps_hold_at_the_venue_whatever_happens(seed: int) -> None:
    random = Random(seed)
    lives, steps = Lives(random.choice([NOON_MS, EVE_MS])), drawn(random, STEPS)
    while steps:
        await lives.live(steps)
        if steps:
            lives.life = lives.life.crash()
    assert lives.life.venue.execution_rows
