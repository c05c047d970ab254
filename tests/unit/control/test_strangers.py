"""A person hands a position of others over to an instance, or closes it: with the phrase, and only where it fits."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.params import Adopt, CloseOrphan, Nothing
from playd.control.protocol import Code, RpcError
from playd.control.stranger_methods import adopt, close_orphan, list_orphans
from playd.core.modes import Mode
from playd.plays.model import Play
from playd.supervisor.plays import read_play
from tests.answers import check_data
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import STATE, UID, OrderWorld, build

PLAY = Path(__file__).parents[3] / "config" / "plays" / "ema_cross_rsi.yml"
PHRASE = f"ADOPT main {SYMBOL}"
HELD = Decimal("0.020")


@dataclass
class Said:
    """What a call knows, and keeps of its warnings."""

    key: str = "k1"
    actor: str = "me"
    warnings: list[tuple[str, str]] = field(default_factory=list)


def house(life: OrderWorld, *, account: str = "main", mode: str = "long_short") -> Daemon:
    """The daemon as far as these commands look at it, with one instance whose Play trades these sides."""
    path = STATE / "play.yml"
    text = PLAY.read_text()
    assert "mode: long_short" in text
    life.world.disk.write_replace(path, text.replace("mode: long_short", f"mode: {mode}").encode(), keep_previous=False)
    digest = read_play(life.world.disk, path).play_hash
    record = SimpleNamespace(uid=UID, account=account, symbol=SYMBOL, mode=Mode.PAPER, play_path=str(path), play_digest=digest)
    slot = SimpleNamespace(name="ema", record=record, active=False, state="stopped")
    plan = SimpleNamespace(environment=life.account.environment)
    held = {"main": SimpleNamespace(account=life.account, plan=plan)}

    async def read(path: PurePath) -> Play:
        return read_play(life.world.disk, path)

    daemon = SimpleNamespace(
        accounts=SimpleNamespace(held=held, find={"main": life.account}.get),
        supervisor=SimpleNamespace(slots={"ema": slot}, find=lambda _name: slot),
        commands=SimpleNamespace(read_play=read),
        clock=life.world.clock,
        ledger=life.ledger,
        journal=life.journal,
        market_ms=life.world.clock.wall_ms,
    )
    return cast("Daemon", daemon)


async def adopted(daemon: Daemon, confirm: str = PHRASE, stop: str | None = "49000", account: str | None = None) -> Any:
    said = Said()
    params = Adopt(request_id="r", symbol=SYMBOL, to="ema", stop=stop, account=account, confirm=confirm)
    row = await adopt(daemon, params, cast("Call", said))
    check_data("position.adopt", row)
    return row, said.warnings


async def closed(daemon: Daemon, name: str, confirm: str = "") -> Any:
    row = await close_orphan(daemon, CloseOrphan(request_id="r", id=name, confirm=confirm), cast("Call", Said()))
    check_data("orphan.close", row)
    return row


async def refused(command: Any) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await command
    return caught.value


async def test_a_position_is_adopted_with_the_phrase_by_an_instance_that_it_fits() -> None:
    life = build()
    async with life.running():
        await life.register()
        assert (await refused(adopted(house(life)))).code is Code.NOT_FOUND
        life.venue.open_foreign(HELD)
        await anyio.sleep(1.0)
        asked = await refused(adopted(house(life), confirm=""))
        assert (asked.code, asked.details["phrase"]) == (Code.PHRASE_REQUIRED, PHRASE)
        assert (await refused(adopted(house(life, mode="short_only")))).reason == "wrong_side"
        assert (await refused(adopted(house(life, account="other")))).code is Code.NOT_FOUND
        assert (await refused(adopted(house(life, account="other"), account="main"))).reason == "wrong_instance"
        assert (await refused(adopted(house(life), stop="soon"))).code is Code.INVALID_PARAMS
        assert (await refused(adopted(house(life), stop="50001"))).reason == "BAD_STOP"
        life.venue.script.failing_reads = 1
        assert (await refused(adopted(house(life)))).code is Code.DEGRADED
        row, warnings = await adopted(house(life))

        assert (row["name"], row["side"], row["qty"], row["stop"]) == ("ema", "long", "0.020", "49000")
        assert [code for code, _ in warnings] == ["not_running"]
        assert await list_orphans(house(life), Nothing(), cast("Call", Said())) == []


async def test_what_others_have_is_listed_and_closed_by_its_id_with_the_phrase() -> None:
    life = build()
    async with life.running():
        await life.register()
        life.venue.by_hand()
        life.venue.open_foreign(HELD)
        await anyio.sleep(1.0)
        daemon = house(life)
        listed = await list_orphans(daemon, Nothing(), cast("Call", Said()))
        assert [(row["kind"], row["qty"]) for row in listed] == [("order", "0.01"), ("position", "0.020")]
        assert (await refused(closed(daemon, "nothing"))).code is Code.NOT_FOUND
        for row in listed:
            asked = await refused(closed(daemon, row["id"]))
            assert (asked.details["phrase"], "--confirm" in asked.hint) == (f"CLOSE {row['id']}", True)
            assert Decimal((await closed(daemon, row["id"], f"CLOSE {row['id']}"))["left"]) == 0

        assert life.venue.signed() == 0
        assert await list_orphans(daemon, Nothing(), cast("Call", Said())) == []
