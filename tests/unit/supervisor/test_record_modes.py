"""A record says whether real money was meant: its mode follows from whom it names, for whoever wrote it."""

from pathlib import PurePath

import anyio
import orjson
import pytest

from playd.ops.journal import open_journal
from playd.orders.ledger import Ledger
from playd.settings.model import Journal as JournalSettings
from playd.supervisor.record_modes import RecordModes
from playd.world.virtual import virtual_world

pytestmark = pytest.mark.anyio


def ledger_with_accounts() -> Ledger:
    world = virtual_world()
    world.disk.mkdir(PurePath("/state"))
    ledger = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    for alias, environment in (("main", "live"), ("try", "testnet"), ("wallet", "local")):
        ledger.write("INSERT INTO accounts (alias, environment) VALUES (?, ?)", (alias, environment))
    ledger.write(
        "INSERT INTO instances (uid, name, account, symbol, mode, clock_ms, tag, created_ms)"
        " VALUES ('abcdefgh', 'mine', 'shadow-abcdefgh', 'BTCUSDT', 'shadow', 60000, 'ab', 0)"
    )
    return ledger


@pytest.mark.parametrize(
    ("account", "instance", "mode"),
    [
        ("main", None, "live"),
        ("try", None, "demo"),
        ("wallet", "unknown", "paper"),
        ("shadow-zzzzzzzz", None, "shadow"),
        ("main", "abcdefgh", "shadow"),
        ("nobody", "unknown", None),
        (None, None, None),
    ],
)
async def test_a_mode_is_that_of_the_instance_else_of_the_account(
    account: str | None, instance: str | None, mode: str | None
) -> None:
    world, modes = virtual_world(), RecordModes(ledger_with_accounts())
    here = PurePath("/journal")
    with anyio.fail_after(60):
        async with open_journal(world, here, JournalSettings(), version="1") as (journal, _):
            journal.mode_of = modes.of
            for _ in range(2):
                journal.append("order.sent", {}, account=account, instance=instance)
            journal.append("order.sent", {}, mode="live", account=account, instance=instance)
    said = [orjson.loads(line)["mode"] for line in world.disk.read_bytes(here / "2024-01-01.jsonl").splitlines()[1:]]
    assert said == [mode, mode, "live"]


async def test_an_account_that_comes_later_is_known_then() -> None:
    ledger = ledger_with_accounts()
    modes = RecordModes(ledger)
    assert modes.of("later", None) is None
    ledger.write("INSERT INTO accounts (alias, environment) VALUES ('later', 'demo')")
    assert modes.of("later", None) == "demo"


async def test_an_account_that_trades_real_money_since_its_key_was_accepted_says_so_from_then_on() -> None:
    ledger = ledger_with_accounts()
    modes = RecordModes(ledger)
    assert modes.of("try", None) == "demo"
    ledger.write("UPDATE accounts SET environment = 'live' WHERE alias = 'try'")
    assert modes.of("try", None) == "live"
