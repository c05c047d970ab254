"""Of several owners' stops on one symbol the venue keeps the nearest, whoever moves last."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.venues.port import Reply
from tests.simulation.order_world import READY, build, entered, leave
from tests.simulation.test_order_path_moves import HIGHER, LOST, answering, move

OTHER = "beta2345"
NEARER = HIGHER + 100


async def test_a_move_behind_a_nearer_stop_of_another_owner_loosens_nothing() -> None:
    life = build()
    async with life.running():
        port, other = await entered(life), await entered(life, OTHER)
        await other.submit(replace(move(NEARER, 180_000), instance_uid=OTHER))
        assert (await port.submit(move())).code == "AMENDED"
        assert (port.position().stop, life.venue.stop_of()) == (HIGHER, NEARER)


async def test_a_lost_move_is_there_once_the_nearest_stop_of_all_owners_is(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port, other = await entered(life), await entered(life, OTHER)
        asked = answering(life, monkeypatch, LOST)
        await port.submit(move())
        await other.submit(replace(move(NEARER, 180_000), instance_uid=OTHER))
        await anyio.sleep(60.0)
        assert (asked, life.venue.stop_of()) == ([HIGHER, NEARER], NEARER)
        assert life.account.desk.book.open_intents() == []


async def test_a_move_that_waits_for_its_turn_asks_for_the_stop_that_is_nearest_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = build()
    async with life.running():
        port, other = await entered(life), await entered(life, OTHER)
        set_stops, sent = life.venue.set_stops, list[Decimal]()

        async def late(symbol: str, **given: object) -> Reply:
            await anyio.sleep(20.0 if given["stop"] == HIGHER else 0.0)
            sent.append(given["stop"])  # type: ignore[arg-type]
            return await set_stops(symbol, **given)  # type: ignore[arg-type]

        monkeypatch.setattr(life.venue, "set_stops", late)
        async with anyio.create_task_group() as group:
            group.start_soon(port.submit, move())
            await anyio.sleep(1.0)
            await other.submit(replace(move(NEARER, 180_000), instance_uid=OTHER))
        await anyio.sleep(60.0)
        assert (set(sent), life.venue.stop_of()) == ({NEARER}, NEARER)


async def test_a_move_that_waits_leaves_the_stop_of_another_owner_once_its_own_position_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = build()
    async with life.running():
        port, other = await entered(life), await entered(life, OTHER)
        set_stops, waits_s, sent = life.venue.set_stops, [20.0], list[Decimal]()

        async def late(symbol: str, **given: object) -> Reply:
            await anyio.sleep(waits_s.pop() if waits_s else 0.0)
            sent.append(given["stop"])  # type: ignore[arg-type]
            return await set_stops(symbol, **given)  # type: ignore[arg-type]

        monkeypatch.setattr(life.venue, "set_stops", late)
        async with anyio.create_task_group() as group:
            group.start_soon(port.submit, move())
            await anyio.sleep(1.0)
            await port.submit(leave(), READY)
            await anyio.sleep(1.0)
            await other.submit(replace(move(NEARER, 180_000), instance_uid=OTHER))
        await anyio.sleep(60.0)
        assert (port.position().position.side, life.venue.stop_of()) == (None, NEARER)
        assert HIGHER not in sent
