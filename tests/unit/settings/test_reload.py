"""A reload: what is taken over, what waits, what needs a person; and that a snapshot never says what does not hold."""

from decimal import Decimal
from pathlib import PurePath
from typing import Any

import pytest

from playd.settings import Settings, load
from playd.settings.layers import SECTIONS, is_live, looser
from playd.settings.limits_model import Risk
from playd.settings.load import digest_of
from playd.settings.reload import changes, taken_over
from playd.world.virtual import virtual_world


def of(text: str) -> Settings:
    world = virtual_world()
    world.disk.mkdir(PurePath("/config"))
    world.disk.write_replace(PurePath("/config/playd.toml"), text.encode())
    return load(world).settings


BASE = """
[accounts.main]
environment = "demo"
[accounts.main.risk]
gross_pct = 100
[risk]
net_pct = 50
"""


def takes(text: str, base: str = BASE) -> dict[str, str]:
    return {change.name: change.takes for change in changes(of(base), of(text))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BASE, {}),
        (BASE + "[gates]\nmax_spread_bps = 14", {"gates.max_spread_bps": "now"}),
        (BASE + "[gates]\nmax_spread_bps = 16", {"gates.max_spread_bps": "phrase"}),
        (BASE + "min_listing_days = 8", {"risk.min_listing_days": "now"}),
        (BASE + "min_listing_days = 6", {"risk.min_listing_days": "phrase"}),
        (BASE + "[orders]\nexit_rung_s = 2", {"orders.exit_rung_s": "now"}),
        (BASE + "[orders]\nexit_rung_s = 4", {"orders.exit_rung_s": "now"}),
        (BASE + "[streams]\nping_s = 10", {"streams.ping_s": "restart"}),
        (BASE + "[breakers]\nim_rate = [0.5, 0.7]", {"breakers.im_rate": "now"}),
        (BASE + "[breakers]\nim_rate = [0.5, 0.9]", {"breakers.im_rate": "phrase"}),
        (BASE.replace("gross_pct = 100", "gross_pct = 90"), {"accounts.main.risk.gross_pct": "now"}),
        (BASE.replace("gross_pct = 100", "gross_pct = 110"), {"accounts.main.risk.gross_pct": "phrase"}),
        (BASE.replace("gross_pct = 100", ""), {"accounts.main.risk.gross_pct": "phrase"}),
        (BASE.replace("gross_pct = 100", "gross_pct = 100\nmax_positions = 2"), {"accounts.main.risk.max_positions": "now"}),
        (BASE.replace('"demo"', '"demo"\nleverage = 2'), {"accounts.main.leverage": "restart"}),
        (BASE.replace('"demo"', '"testnet"'), {"accounts.main.environment": "restart"}),
    ],
)
def test_each_change_says_when_it_holds(text: str, expected: dict[str, str]) -> None:
    assert takes(text) == expected


def test_accounts_and_instances_that_come_or_go_wait_for_a_start() -> None:
    more = BASE + '[accounts.other]\nenvironment = "demo"\nrisk = { gross_pct = 10 }\n'
    one = BASE + '[instances.one]\nplay = "x.yml"\nmode = "demo"\nrisk = { gross_pct = 10 }\n'

    assert set(takes(more).values()) == set(takes(BASE, more).values()) == {"restart"}
    assert set(takes(one).values()) == set(takes(BASE, one).values()) == {"restart"}


BLOCK, ALLOW = '{ kind = "block", from = "07:00", to = "08:00" }', '{ kind = "allow", days = ["mon"] }'


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [BLOCK], "now"),
        ([], [ALLOW], "now"),
        ([BLOCK], [BLOCK, ALLOW], "now"),
        ([BLOCK], [], "phrase"),
        ([ALLOW], [], "phrase"),
        ([ALLOW], [ALLOW, ALLOW.replace("mon", "tue")], "phrase"),
    ],
)
def test_hours_that_open_need_a_person(before: list[str], after: list[str], expected: str) -> None:
    texts = [f"[gates]\nwindows = [{', '.join(windows)}]" for windows in (before, after)]

    assert takes(texts[1], texts[0]) == {"gates.windows": expected}


def test_only_what_may_be_taken_over_is_and_the_snapshot_says_what_holds() -> None:
    before = of(BASE)
    after = of(BASE.replace("gross_pct = 100", "gross_pct = 90") + "day_notional_pct = 300\n[streams]\nping_s = 10")
    held = taken_over(before, after, {"risk.day_notional_pct"})

    assert (held.accounts["main"].risk.gross_pct, held.streams.ping_s, held.risk.day_notional_pct) == (90, 20, 200)
    assert [change.name for change in changes(held, after)] == ["streams.ping_s", "risk.day_notional_pct"]
    assert held.accounts["main"].risk.model_fields_set == {"gross_pct"}
    assert held.risk.model_fields_set == before.risk.model_fields_set
    assert taken_over(before, after, ()).risk.day_notional_pct == 300
    assert taken_over(before, before, ()) == before
    assert digest_of(held) != digest_of(before)


def test_what_nobody_wrote_stays_off_on_the_local_exchange() -> None:
    """Caps of a local account hold where they are written; taking a table over must not write them all."""
    held = taken_over(of(""), of("[risk]\ngross_pct = 90"), ())

    assert held.risk.model_fields_set == {"gross_pct"}


def test_every_key_that_bounds_risk_says_which_way_is_looser() -> None:
    silent = {
        name
        for name, field in Risk.model_fields.items()
        if is_live(field) and not looser(field) and isinstance(field.default, (int, Decimal))
    }
    both: list[Any] = [field for model in SECTIONS.values() for field in model.model_fields.values() if looser(field)]

    assert silent == set()
    assert len(both) > 40
