"""Real money: nothing trades before a person has armed it, and taking the permission back is seen at once."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

import anyio
import pytest

from playd.control.client import ControlClient, connected
from playd.control.protocol import Code, RpcError
from playd.market.source import MarketChoice, open_feed
from playd.supervisor.checks import WAIVABLE
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.exchange import Exchange
from playd.world.real import real_world
from tests.answers import check_answer
from tests.integration.daemon_kit import ROOT, DaemonProcess, environment

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WITHIN_S = 60.0


@asynccontextmanager
async def mainnet(directory: Path) -> AsyncIterator[tuple[int, str, str, str]]:
    """An exchange in the machine's time; its port, and key, secret and uid of an account with money."""
    world = real_world()
    feed = open_feed(world.disk, MarketChoice(seed=3, entered_ms=world.clock.wall_ms()))
    exchange = Exchange(world, feed, ExchangeConfig(PurePath(directory / "exchange.sqlite"), on_clock=True))
    async with exchange.running() as info:
        key, secret = exchange.create_account("main", wallet_usdt=Decimal(100_000))
        uid = next(each.uid for each in exchange.books.accounts.values() if each.alias == "main")
        yield info.port, key, secret, str(uid)


def configure(directory: Path, key: str, secret: str, uid: str) -> Path:
    (directory / "key").write_text(f"api_key={key}\napi_secret={secret}\n")
    (directory / "key").chmod(0o600)
    # The market is that of the hour in which the test runs: a Play that might enter would make it another test on some days.
    play = (ROOT / "config/plays/ema_cross_rsi.yml").read_text()
    never = play.replace("{rsi_high: 70, rsi_low: 30}", "{rsi_high: 0, rsi_low: 100}")
    assert never != play
    (directory / "never.yml").write_text(never)
    (directory / "playd.toml").write_text(
        f"""
daemon.live = true
supervisor.cooldown_s = 20
[guardian]
required_for_live = false
[alerts]
routes = [{{ name = "file", command = ["/bin/sh", "-c", "cat >> {directory}/alerts"] }}]
[accounts.main]
environment = "live"
expected_uid = "{uid}"
credential_file = "{directory}/key"
allow_unbound_key = true
[instances.mine]
play = "{directory}/never.yml"
mode = "live"
account = "main"
enabled = false
"""
    )
    return directory / "playd.toml"


@contextmanager
def daemon(config: Path, state: Path, port: int) -> Iterator[DaemonProcess]:
    command = [sys.executable, "-m", "tests.integration.live_daemon", str(config), str(state), str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(state), cwd=ROOT
    )
    running = DaemonProcess(process, state)
    try:
        yield running
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


class Person:
    """Somebody at the control socket."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client
        self._calls = 0

    async def ask(self, method: str, **params: Any) -> Any:
        return await self._asked(method, params)

    async def do(self, method: str, **params: Any) -> Any:
        self._calls += 1
        return await self._asked(method, {**params, "request_id": f"{id(self)}-{self._calls}"})

    async def _asked(self, method: str, params: dict[str, Any]) -> Any:
        """The data of an answer that is what its schema says."""
        result = await self._client.call(method, params)
        check_answer(result)
        return result["data"]

    async def refused(self, method: str, **params: Any) -> RpcError:
        with pytest.raises(RpcError) as caught:
            await self.do(method, **params)
        return caught.value

    async def until(self, state: str) -> dict[str, Any]:
        """The instance once it is in a state."""
        with anyio.fail_after(WITHIN_S):
            while True:
                row: dict[str, Any] = (await self.ask("status.get"))["instances"][0]
                if row["state"] == state:
                    return row
                await anyio.sleep(0.05)


@asynccontextmanager
async def person(state: Path) -> AsyncIterator[Person]:
    async with connected(real_world().net, PurePath(state / "run" / "control.sock"), timeout_s=WITHIN_S) as client:
        yield Person(client)


async def prove_alerts(someone: Person, directory: Path) -> None:
    await someone.do("alert.test")
    code = re.search(r"\b(\d{6})\b", (directory / "alerts").read_text())
    assert code is not None
    await someone.do("alert.verify", code=code[1])


async def test_an_instance_with_real_money_is_armed_by_a_person_and_disarmed_at_once(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with mainnet(tmp_path) as (port, *account):
        config = configure(tmp_path, *account)
        with daemon(config, state, port) as running:
            await anyio.to_thread.run_sync(running.wait_for, "daemon.ready")
            async with person(state) as someone:
                await arm(someone, tmp_path)
                assert (await someone.until("running"))["capital_step"] == "micro"
                told = await someone.do("arm.revoke", name="mine")
                row = await someone.until("degraded")
                assert (told["broken"], row["reasons"][0]["code"]) == ("arming_revoked", "arming_revoked")
                await someone.do("arm.create", name="mine", days=1, confirm="ARM main mine")
                assert (await someone.refused("instance.start", name="mine")).details["phrase"] == "LIVE main mine"
                await someone.do("instance.start", name="mine", confirm="LIVE main mine")
                await someone.until("running")
                await change_settings(someone, config, running)
                await begin_anew(someone)


async def bounds(someone: Person, gate: str) -> Any:
    """What bounds a gate of the instance now."""
    rows = (await someone.ask("instance.get", name="mine"))["pipeline"]
    return next(row["bounds"] for row in rows if row["gate"] == gate)


def read(file: Path) -> str:
    return file.read_text()


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def change_settings(someone: Person, config: Path, running: DaemonProcess) -> None:
    """Tighter at once, looser behind a phrase, the rest at a start; wrong files change nothing, whoever asks."""
    text = read(config)
    write(config, text + "[risk]\nnet_pct = 50\ngross_pct = 200\n[streams]\nping_s = 10\n")
    looked = {row["key"]: row["takes"] for row in (await someone.ask("config.check"))["changes"]}
    assert looked == {"risk.net_pct": "now", "risk.gross_pct": "phrase", "streams.ping_s": "restart"}
    assert (await bounds(someone, "exposure"))["net_pct"] == "100", "looking changes nothing"
    assert (await someone.refused("config.reload")).details["phrase"] == "LOOSEN all"
    assert [(await bounds(someone, "exposure"))[name] for name in ("net_pct", "gross_pct")] == ["50", "150"]
    await someone.do("config.reload", confirm="LOOSEN all")
    assert (await bounds(someone, "exposure"))["gross_pct"] == "200"
    shown = {row["key"]: row for row in await someone.ask("config.get")}
    assert [(shown["streams.ping_s"][name]) for name in ("value", "waits")] == ["20.0", "10.0"]
    write(config, text + "[risk]\nnet_pct = 20\ngros_pct = 90\n")
    assert "gross_pct" in (await someone.refused("config.reload")).message
    assert (await bounds(someone, "exposure"))["net_pct"] == "50"
    write(config, text + "[risk]\nnet_pct = 20\ngross_pct = 300\n")
    running.process.send_signal(signal.SIGHUP)
    line = await anyio.to_thread.run_sync(running.wait_for, "daemon.reload")
    assert "taken: risk.net_pct" in line["msg"]
    assert "need `playctl config reload`: risk.gross_pct" in line["msg"]
    assert [(await bounds(someone, "exposure"))[name] for name in ("net_pct", "gross_pct")] == ["20", "200"]
    write(config, text)


async def begin_anew(someone: Person) -> None:
    """A state may be thrown away by a person: ledger and anchor know the rest."""
    assert (await someone.refused("position.close", account="main", symbol="BTCUSDT")).code is Code.NOT_FOUND
    assert (await someone.refused("instance.reset_state", name="mine", confirm="RESET mine")).reason == "RUNNING"
    await someone.do("instance.stop", target="mine")
    assert (await someone.refused("instance.reset_state", name="mine")).details["phrase"] == "RESET mine"
    (kept, *_) = (await someone.do("instance.reset_state", name="mine", confirm="RESET mine"))["set_aside"]
    assert kept.endswith("instances/mine/state.json")
    started = await someone.do("instance.start", name="mine")
    assert [each["code"] for each in started["reasons"]] == ["cooldown"], "it is warm; only its entries wait for a while"


async def refused_with_a_feed(someone: Person) -> tuple[RpcError, set[str]]:
    """The refusal and what is lacking, once the market is heard: an instance may be warm a moment before that."""
    with anyio.fail_after(WITHIN_S):
        while True:
            refusal = await someone.refused("arm.create", name="mine", confirm="ARM main mine")
            lacking = {each["check"] for each in refusal.details["checks"]}
            if "feed" not in lacking:
                return refusal, lacking
            await anyio.sleep(0.05)


async def arm(someone: Person, directory: Path) -> None:
    """Everything that stands between an instance and real money, in the order in which a person meets it."""
    started = await someone.do("instance.start", name="mine")
    assert started["reasons"][0]["code"] == "not_armed", "it runs, leads out what it has, and opens nothing"
    await someone.until("degraded")
    refusal, lacking = await refused_with_a_feed(someone)
    assert refusal.reason == "not_ready"
    assert lacking == {"alerts", "panic_rehearsal", *WAIVABLE}, json.dumps(refusal.details, indent=1)
    await prove_alerts(someone, directory)
    await someone.do("panic.run", scope="account:main", confirm="PANIC account:main")
    await someone.do("halt.lift", scope="account:main", confirm="RESUME account:main", reason="seen")
    assert (await someone.refused("waiver.create", check="key", until_ms=1, reason="r")).reason == "not_waivable"
    until_ms = real_world().clock.wall_ms() + 86_400_000
    for check in WAIVABLE:
        waiver = {"check": check, "until_ms": until_ms, "reason": "a test"}
        assert (await someone.refused("waiver.create", **waiver)).code is Code.PHRASE_REQUIRED
        await someone.do("waiver.create", **waiver, confirm=f"WAIVE {check}")
    assert (await someone.refused("arm.create", name="mine")).details["phrase"] == "ARM main mine"
    armed = await someone.do("arm.create", name="mine", days=1, confirm="ARM main mine")
    assert (armed["broken"], sorted(armed["waivers"])) == ("not_confirmed", sorted(WAIVABLE))
    await someone.do("instance.start", name="mine", confirm="LIVE main mine")
