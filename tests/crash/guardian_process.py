"""The guardian of a story as a process of its own, and a second client of the account that does what a person might do."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import anyio

from playd.control.client import connected
from playd.core.modes import Environment
from playd.core.orders import VenuePosition
from playd.core.secret import Secret
from playd.orders.budget import AddressBudget
from playd.venues.bybit.environment import local_hosts, venue_account
from playd.venues.bybit.venue import BybitVenue, open_bybit_venue
from playd.venues.port import Priority
from playd.world.real import real_world
from tests.crash.harness import ALIAS, ROOT, SYMBOL, WITHIN_S, DaemonProcess, ExchangeProcess, wait_for

T = TypeVar("T")

LADDER = """naked_repair_s = 1
naked_halt_s = 2
naked_guardian_s = 3
naked_act_s = 8
"""
CHECK_S, DEAD_AFTER_S = 1, 2
GUARDIAN = f"""
[guardian]
check_s = {CHECK_S}
dead_after_s = {DEAD_AFTER_S}
cancel_entries_after_s = 5
"""
"""Short times, so that tests need not wait for the long ones."""


@dataclass
class GuardianProcess:
    """`playd guardian` as a user has it."""

    daemon: DaemonProcess
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.daemon.directory / "guardian.log"

    @property
    def socket(self) -> Path:
        return self.daemon.state / "run" / "guardian.sock"

    def start(self) -> None:
        code = "from playd.cli.playd import main; main()"
        command = [sys.executable, "-c", code, "guardian", "--state", str(self.daemon.state)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        wait_for(lambda: self.socket.exists() or self.process is None or self.process.poll() is not None, "the socket")
        assert self.socket.exists(), self.log.read_text()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WITHIN_S)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """One call on its socket."""

        async def call() -> dict[str, Any]:
            async with connected(real_world().net, self.socket, timeout_s=70) as client:
                data: dict[str, Any] = (await client.call(method, params))["data"]
                return data

        return anyio.run(call)

    def watching(self) -> bool:
        """Whether the account of the stories was read at least once."""
        accounts = self.ask("status")["accounts"]
        return bool(accounts) and accounts[0]["read_age_s"] is not None

    def said(self, event: str) -> list[dict[str, Any]]:
        """Log lines of an event."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == f"guardian.{event}"]

    def rss_mib(self) -> float:
        """Resident memory as the kernel has it."""
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def by_hand(exchange: ExchangeProcess, work: Callable[[BybitVenue], Awaitable[T]]) -> T:
    """Do something with the account's key, beside daemon and guardian."""

    async def main() -> T:
        world = real_world()
        key, secret = Secret(exchange.key), Secret(exchange.secret)
        account = venue_account(ALIAS, Environment.LOCAL, local_hosts(exchange.port), key, secret)
        budget = AddressBudget(world.clock).for_account(ALIAS)
        async with open_bybit_venue(world, account, budget) as port:
            return await work(port)

    return anyio.run(main)


def venue_position(exchange: ExchangeProcess) -> VenuePosition:
    """The position of the stories' symbol as the exchange shows it."""

    async def read(port: BybitVenue) -> VenuePosition:
        return (await port.positions(SYMBOL, priority=Priority.EXIT))[0]

    return by_hand(exchange, read)


def open_a_candle(exchange: ExchangeProcess) -> None:
    """Let the market stand inside a candle of a minute, where orders trade at once whoever follows it or does not."""
    exchange.market(held=False, speed=1)
    wait_for(lambda: exchange.market()["inside_candle"], "an open candle")


def remove_stop(exchange: ExchangeProcess) -> None:
    """What a person in the venue's app, or the venue itself, might do."""

    async def remove(port: BybitVenue) -> None:
        reply = await port.set_stops(SYMBOL, stop=Decimal(0), target=None, priority=Priority.PROTECT)
        assert reply.code == 0, reply

    by_hand(exchange, remove)


@contextmanager
def watched_stage(directory: Path) -> Iterator[tuple[ExchangeProcess, DaemonProcess, GuardianProcess]]:
    """A held exchange that soon gives up a dead daemon, a configured daemon and a guardian; none of the latter runs."""
    exchange = ExchangeProcess(directory, grace_s=0.5, lockstep=False)
    daemon = DaemonProcess(directory, exchange)
    guardian = GuardianProcess(daemon)
    try:
        exchange.start()
        daemon.configure()
        settings = directory / "playd.toml"
        settings.write_text(settings.read_text().replace("[orders]\n", f"[orders]\n{LADDER}", 1) + GUARDIAN)
        yield exchange, daemon, guardian
    finally:
        if daemon.process is not None and not daemon.dead:
            daemon.process.send_signal(signal.SIGCONT)
        daemon.kill()
        guardian.kill()
        exchange.kill()
