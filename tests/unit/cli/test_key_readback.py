"""What `playd check` learns about configured keys: accepted, refused, or nobody there to ask."""

import json
from pathlib import Path

import pytest

from playd.cli.check import run_check
from playd.cli.key_readback import Standing, read_back_key, read_back_keys
from playd.venues.bybit.environment import local_hosts
from playd.world.virtual import virtual_world
from tests.fake_bybit import FakeBybit, FreeBudget, Seen, account, code, ok

pytestmark = pytest.mark.anyio

KEY = {"userID": "7", "readOnly": 0, "permissions": {"ContractTrade": ["Order", "Position"]}, "ips": ["10.0.0.1"]}


@pytest.mark.parametrize(
    ("row", "standing", "words"),
    [
        (KEY, Standing.ACCEPTED, ""),
        (KEY | {"readOnly": 1}, Standing.REFUSED, "read-only"),
        (KEY | {"ips": ["*"], "deadlineDay": 1}, Standing.ACCEPTED, "1 days left"),
        (KEY | {"permissions": KEY["permissions"] | {"Wallet": ["Withdraw"]}}, Standing.REFUSED, "move funds"),  # type: ignore[operator]
    ],
)
async def test_a_key_is_judged_by_what_the_venue_says(row: dict[str, object], standing: Standing, words: str) -> None:
    world = virtual_world()
    fake = FakeBybit(lambda seen: ok(row if seen.path == "/v5/user/query-api" else {"timeNano": "1704067200000000000"}))
    async with fake.running(world) as hosts:
        found = await read_back_key(world, account(hosts), FreeBudget())
    assert found.standing is standing
    assert words in found.text
    assert {seen.method for seen in fake.seen} == {"GET"}


async def test_a_key_the_venue_does_not_know_is_refused() -> None:
    def answer(seen: Seen):  # type: ignore[no-untyped-def]
        return code(10003, "API key is invalid.") if seen.path == "/v5/user/query-api" else ok({"timeNano": "0"})

    world = virtual_world()
    async with FakeBybit(answer).running(world) as hosts:
        found = await read_back_key(world, account(hosts), FreeBudget())
    assert (found.standing, "API key is invalid" in found.text) == (Standing.REFUSED, True)


async def test_nobody_there_is_not_a_refusal_and_settings_may_refuse_without_asking() -> None:
    world = virtual_world()
    lost = account(local_hosts(9))
    found = await read_back_keys(world, {"sim": lost}, {"other": "no key"}, lambda _alias: FreeBudget())
    assert [(each.alias, each.standing) for each in found] == [("other", Standing.REFUSED), ("sim", Standing.UNREACHABLE)]


def test_check_ends_with_77_when_a_configured_account_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "playd.toml"
    settings.write_text('[accounts.try]\nenvironment = "demo"\n')
    assert run_check(str(settings), str(tmp_path / "state"), as_json=True) == 77
    rows = {row["check"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["account try"]["ok"] is False
    assert "no key" in rows["account try"]["detail"]
