"""Who starts an instance while the venue has banned our address hears of it at once."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control import change_methods
from playd.control.params import Restart, Start
from playd.control.protocol import RpcError
from playd.core.modes import Environment, Mode

pytestmark = pytest.mark.anyio


def daemon_with(environment: Environment, account: str, **bans: float) -> tuple[Any, list[bool]]:
    """A daemon of one instance of an account, with bans by alias (`public` for data without a key); how starts waited."""
    waited: list[bool] = []
    slot = SimpleNamespace(name="one", record=SimpleNamespace(mode=Mode.DEMO, account=account))

    async def start(_name: str, _cause: str, *, waits: bool = True) -> Any:
        waited.append(waits)
        return slot

    daemon = SimpleNamespace(
        supervisor=SimpleNamespace(find=lambda _name: slot),
        commands=SimpleNamespace(start=start, restart=lambda _name, actor: start(_name, actor)),
        environment_of=lambda _record: environment,
        ops=SimpleNamespace(banned_for_s=lambda alias: bans.get(alias or "public", 0.0)),
        clock=SimpleNamespace(wall_ms=lambda: 1_700_000_000_000),
    )
    return daemon, waited


@pytest.mark.parametrize(
    ("environment", "account", "bans", "told"),
    [
        (Environment.DEMO, "main", {"main": 30.0}, True),
        (Environment.DEMO, "main", {"public": 30.0}, True),  # its candles come without a key, from the same address
        (Environment.LOCAL, "main", {"public": 30.0}, False),
        (Environment.LOCAL, "", {"public": 30.0}, False),  # a shadow of our own market
        (Environment.DEMO, "", {"public": 30.0}, True),
        (Environment.DEMO, "main", {}, False),
    ],
)
async def test_a_start_in_a_ban_waits_for_nothing_and_says_until_when(
    environment: Environment, account: str, bans: dict[str, float], told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_methods, "lifecycle_row", lambda _daemon, slot: {"name": slot.name})
    daemon, waited = daemon_with(environment, account, **bans)
    call = SimpleNamespace(actor="a", warnings=[])
    answer = await change_methods.start(daemon, Start(request_id="r", name="one"), cast("Any", call))
    assert (answer, waited) == ({"name": "one"}, [not told])
    assert [code for code, _ in call.warnings] == (["banned"] if told else [])
    assert all("until 2023-11-14T22:13:50" in text for _, text in call.warnings)
    restart = Restart(request_id="r", name="one")
    if told:
        with pytest.raises(RpcError, match="banned our address until 2023-11-14T22:13:50") as refused:
            await change_methods.restart(daemon, restart, cast("Any", call))
        assert refused.value.reason == "banned"
    else:
        assert await change_methods.restart(daemon, restart, cast("Any", call)) == {"name": "one"}
