"""A symbol is missing from the list at a start: what is open there can be closed, keeps its target, and is watched again."""

from collections.abc import Sequence
from decimal import Decimal

import anyio
import pytest

from playd.core.instrument import Instrument
from playd.orders.halts import Level
from playd.orders.panic import PanicScope
from tests.rows import instrument
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entry
from tests.simulation.test_order_path_targets import PRICE, holding, open_incidents, resting, target

GONE = "ETHUSDT"
OTHER = "beta2345"


def unlist(life: OrderWorld, *symbols: str) -> set[str]:
    """The venue lists these no more; they are listed again once they are taken out of what this returns."""
    hidden = {*symbols}

    async def instruments(asked: Sequence[str]) -> dict[str, Instrument]:
        return {symbol: instrument(symbol) for symbol in asked if symbol not in hidden}

    life.venue.instruments = instruments  # type: ignore[method-assign,assignment]
    return hidden


async def two_positions(life: OrderWorld) -> None:
    """One instance each on two symbols, both in a position under its stop."""
    for uid, symbol in ((UID, SYMBOL), (OTHER, GONE)):
        port = await life.register(uid, symbol=symbol)
        await port.submit(entry(uid=uid, symbol=symbol), READY)
    await anyio.sleep(1.0)


async def test_a_symbol_that_was_delivered_is_asked_for_once_behind_each_reading_of_all_rules() -> None:
    life = build()
    async with life.running():
        life.ledger.write(
            "INSERT INTO virtual_positions (account, instance, symbol, position_idx, signed_qty, avg_price, realised, fees,"
            " funding, opened_ms) VALUES ('main', 'abcd2345', 'OLDUSDT', 0, '0', '0', '0', '0', '0', 0)"
        )
        life.ledger.commit()
    life = life.crash()
    asked, read = list[str](), life.venue.instruments

    async def listed(symbols: Sequence[str]) -> dict[str, Instrument]:
        asked.extend(symbols)
        return {symbol: rules for symbol, rules in (await read(symbols)).items() if symbol != "OLDUSDT"}

    life.venue.instruments = listed  # type: ignore[method-assign]
    async with life.running():
        await anyio.sleep(2 * life.settings.rules_every_s + 600.0)
    assert asked.count("OLDUSDT") == 3, "at the start, and behind the rules of each hour"


async def test_a_panic_closes_what_is_open_on_a_symbol_that_is_listed_no_longer_and_everything_else() -> None:
    life = build()
    async with life.running():
        await two_positions(life)
    life = life.crash()
    unlist(life, GONE)
    async with life.running():
        report = await life.account.panic(PanicScope(), actor="me", reason="test")
        await anyio.sleep(5.0)
        assert report.exit_code == 0
        assert not life.venue.signed()
        assert not life.venue.signed(GONE)


async def test_a_person_closes_all_of_it_and_a_part_is_refused_with_its_reason() -> None:
    life = build()
    async with life.running():
        await two_positions(life)
    life = life.crash()
    unlist(life, GONE)
    async with life.running():
        (part,) = await life.account.closing.close(GONE, Decimal(50), key="k1")
        assert (part.is_done, "100 percent expected" in part.refused) == (False, True)
        assert life.venue.signed(GONE) == Decimal("0.010")
        (whole,) = await life.account.closing.close(GONE, Decimal(100), key="k2")
        assert whole.is_done
        assert not life.venue.signed(GONE)


@pytest.mark.parametrize("off", ["0", "0.05"])
async def test_a_target_that_rests_there_stays_and_the_account_goes_on(off: str) -> None:
    life, price = build(), PRICE + Decimal(off)
    async with life.running():
        port = await holding(life)
        await port.submit(target(price))
        await anyio.sleep(1.0)
        assert (rested := resting(life))
    life = life.crash()
    unlist(life, SYMBOL)
    async with life.running():
        await anyio.sleep(30.0)
        assert resting(life) == rested
        assert (await life.account.panic(PanicScope(), actor="me", reason="test")).exit_code == 0
        await anyio.sleep(5.0)
        assert not life.venue.signed()
        assert resting(life) == []


async def test_a_position_is_watched_again_soon_after_its_symbol_was_missing_from_one_list() -> None:
    life = build()
    async with life.running():
        await two_positions(life)
    life = life.crash()
    hidden = unlist(life, GONE)
    async with life.running():
        life.venue.remove_stop(GONE)
        await anyio.sleep(60.0)
        assert not life.venue.stop_of(GONE)
        assert open_incidents(life) == ["NOT_LISTED"]
        (told,) = life.account.desk.incidents.open_ones()
        assert (told.severity, "no stop is put back" in told.text) == ("critical", True)
        hidden.clear()
        await anyio.sleep(30.0)
        assert life.venue.stop_of(GONE) == entry().stop
        assert "NOT_LISTED" not in open_incidents(life)
        assert [halt.level for halt in life.halts.in_force()] == [Level.HALT], "a person lets entries go on there"
        port = await life.register(OTHER, symbol=GONE)
        assert port.position().position.signed_qty == Decimal("0.010")
