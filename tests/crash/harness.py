"""A local exchange and a daemon as processes, started, killed, started again, and what each has on record."""

import atexit
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path, PurePath
from typing import Any, Final

from playd.core.candles import Candles
from playd.market.candle_file import write_candles
from playd.market.synthetic import SyntheticFeed
from playd.plays.load import load_play
from playd.plays.model import Play
from playd.world.real import RealDisk
from tests.crash.nursery import Forked, Life, Nursery

ROOT: Final = Path(__file__).parents[2]
PLAY: Final = Path(__file__).parent / "play.yml"
SYMBOL: Final = "BTCUSDT"
HISTORY: Final = 150
TRADED: Final = 240
MINUTE_MS: Final = 60_000
TOKEN: Final = "crash"
ALIAS: Final = "crash"
NAME: Final = "story"
STOPS: Final = "stops"
"""File of the state directory that is there once the daemon is told to stop, or to panic."""

WITHIN_S: Final = 120.0
"""Includes a first compilation on a busy machine."""
LOOK_S: Final = 0.01


def wall_ms() -> int:
    """The clock that stamps the ledgers of both."""
    return time.time_ns() // 1_000_000


def wait_for(condition: Callable[[], Any], what: str, within_s: float = WITHIN_S) -> Any:
    """The first true answer of `condition`; fails when there is none in time."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        if found := condition():
            return found
        time.sleep(LOOK_S)
    raise AssertionError(f"{what}: not within {within_s:g} s")


def played() -> tuple[Play, Candles]:
    """The Play of the stories and all their candles."""
    feed = SyntheticFeed(11)
    first_ms = feed.start_ms
    candles = feed.candles(SYMBOL, first_ms, first_ms + (HISTORY + TRADED) * MINUTE_MS)
    return load_play(PLAY.read_text(), str(PLAY)), candles


@dataclass
class ExchangeProcess:
    """The exchange of a story. `start` again after `kill` finds the same port and records."""

    directory: Path
    grace_s: float = 120.0
    history: int = HISTORY
    lockstep: bool = True
    depth_usdt: float = 0.0
    participation: float = 0.0
    port: int = 0
    key: str = ""
    secret: str = ""
    process: Forked | None = None

    def start(self) -> None:
        play, candles = played()
        path = self.directory / f"{SYMBOL}.parquet"
        if not path.exists():
            write_candles(RealDisk(), PurePath(path), candles)
        self.port = self.port or own_port()
        log = self.directory / "exchange.log"
        options = {
            "log": str(log),
            "records": str(self.directory / "exchange.sqlite"),
            "port": self.port,
            "grace_s": self.grace_s,
            "token": TOKEN,
            "candles": str(path),
            "lockstep": self.lockstep,
            "depth_usdt": self.depth_usdt,
            "participation": self.participation,
            "history_ms": self.history * MINUTE_MS,
            "account": {
                "alias": ALIAS,
                "wallet_usdt": repr(play.deploy.capital_usdt),
                "taker_bps": play.account.taker_bps,
                "maker_bps": play.account.maker_bps,
                "slippage_bps": play.account.slippage_bps,
            },
        }
        told = exchanges().bear(options)
        assert told, log.read_text()
        self.process = Forked(told["pid"])
        self.key, self.secret = told["key"], told["secret"]

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def market(self, **change: object) -> dict[str, Any]:
        """Look at the market, or hold and release it."""
        body = json.dumps(change).encode() if change else None
        return self._admin("market", body)

    def arm(self, *faults: dict[str, Any]) -> None:
        """Let it misbehave, as `fault-scripts.md` says."""
        self._admin("faults", json.dumps({"faults": faults}).encode())

    def hits(self) -> dict[str, int]:
        """How often each named fault has struck."""
        return {fault["name"]: fault["hits"] for fault in self._admin("faults")["faults"]}

    def step(self) -> int:
        """Let one minute pass; when it closed. However long whoever asks takes for the next step, the market waits."""
        before_ms = self.market()["market_now_ms"]
        self.market(step=1)

        def closed_ms() -> int:
            market = self.market()
            assert not market["ended"], "the market is over"
            passed = market["held"] and not market["inside_candle"] and market["market_now_ms"] > before_ms
            return int(market["market_now_ms"]) if passed else 0

        found: int = wait_for(closed_ms, "the end of the minute")
        return found

    def ledger(self) -> list[dict[str, Any]]:
        """The exchange's own ledger: requests and effects, in their order."""
        found: list[dict[str, Any]] = []
        while page := self._admin(f"ledger?after={found[-1]['n'] if found else 0}&limit=10000")["entries"]:
            found += page
        return [entry for entry in found if entry["kind"] in ("request", "effect")]

    @property
    def uid(self) -> int:
        """The user whose account the daemon trades."""
        uid: int = next(row["uid"] for row in self._admin("accounts")["accounts"] if row["alias"] == ALIAS)
        return uid

    def _admin(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        url, headers = f"http://127.0.0.1:{self.port}/playd/{path}", {"X-Playd-Token": TOKEN}
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers), timeout=WITHIN_S) as reply:
            found: dict[str, Any] = json.load(reply)
        return found

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the exchange's own records."""
        return read_rows(self.directory / "exchange.sqlite", sql)

    def bodies(self, table: str) -> list[dict[str, Any]]:
        return [json.loads(row["body"]) for row in self.rows(f"SELECT body FROM {table}")]

    def position(self) -> dict[str, Any]:
        """The position, as the exchange keeps it; without a stop only when flat."""
        found = [each for each in self.bodies("positions") if each["symbol"] == SYMBOL]
        return found[0] if found else {"steps": 0, "stop_id": "", "target_id": ""}

    def open_order(self, order_id: str) -> dict[str, Any] | None:
        found = [json.loads(row["body"]) for row in self.rows("SELECT body FROM orders WHERE is_open")]
        return next((order for order in found if order["order_id"] == order_id), None)


def own_port() -> int:
    """
    A port that stays ours until this process ends: an exchange that was killed must come back on it.

    A socket has it that never listens. A server may take the port beside it, while nobody else is given it, neither to serve
    on nor to connect from.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    atexit.register(holder.close)
    port: int = holder.getsockname()[1]
    return port


def read_rows(path: Path, sql: str) -> list[dict[str, Any]]:
    """Rows of a SQLite file that another process writes, or wrote when it was killed."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=WITHIN_S)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def kept(module: str) -> Nursery:
    """A nursery that is closed when this process ends."""
    found = Nursery(module)
    atexit.register(found.close)
    return found


@cache
def daemons() -> Nursery:
    """One for all stories, and of its lives one at a time."""
    return kept("tests.crash.daemon_process")


@cache
def exchanges() -> Nursery:
    """One for all stories."""
    return kept("tests.crash.exchange_process")


@dataclass
class DaemonProcess:
    """The daemon of a story; one object for all its lives."""

    directory: Path
    exchange: ExchangeProcess
    lives: int = 0
    reloads: int = 0
    process: subprocess.Popen[bytes] | Life | None = None
    log: Path = field(default_factory=Path)
    play: Path = PLAY
    stops: list[tuple[int, int]] = field(default_factory=list)
    """When it was told to stop and when that life was over, wall ms: one pair for each life that was told."""

    @property
    def state(self) -> Path:
        return self.directory / "state"

    def configure(self) -> None:
        """Settings that name the exchange and the Play, and are patient with a machine that has more to do."""
        secret = self.directory / "key"
        secret.write_text(f"api_key={self.exchange.key}\napi_secret={self.exchange.secret}\n")
        secret.chmod(0o600)
        (self.directory / "playd.toml").write_text(
            f"""
[log]
format = "json"
[daemon]
stop_budget_s = 120
[orders]
never_arrived_after_s = 30
request_timeout_ms = 10000
[accounts.{ALIAS}]
environment = "local"
rest_url = "http://127.0.0.1:{self.exchange.port}"
credential_file = "{secret}"
[instances.{NAME}]
play = "{self.play}"
mode = "paper"
account = "{ALIAS}"
"""
        )

    def run_command(self, state: Path | None = None) -> subprocess.Popen[bytes]:
        """`playd run` as a user has it, without moments; its log is a new file."""
        self.lives += 1
        self.log = self.directory / f"daemon-{self.lives}.log"
        flags = ["--config", str(self.directory / "playd.toml"), "--state", str(state or self.state)]
        command = [sys.executable, "-c", "from playd.cli.playd import main; main()", "run", *flags]
        with self.log.open("wb") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def start(self, moment: str = "", nth: int = 1) -> None:
        """Begin a life, which may end by itself at the n-th coming of `moment`."""
        self.lives += 1
        self.log = self.directory / f"daemon-{self.lives}.log"
        self.log.touch()
        (self.state / STOPS).unlink(missing_ok=True)
        options = {
            "moment": moment,
            "nth": nth,
            "config": str(self.directory / "playd.toml"),
            "state": str(self.state),
            "log": str(self.log),
        }
        self.process = Life(daemons().bear(options)["pid"], daemons().told)

    def ready(self) -> bool:
        """Wait until READY; False when the process died before."""
        return bool(wait_for(lambda: self.said("daemon.ready") or self.dead, "READY")) and self.said("daemon.ready") > 0

    def said(self, event: str) -> int:
        """How often an event stands in this life's log."""
        return self.log.read_bytes().count(f'"event":"{event}"'.encode())

    @property
    def dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """From outside, at this very moment."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(WITHIN_S)

    def reload(self) -> None:
        """New settings, some of which hold at once and some at the next start, and the signal to take them over."""
        config = self.directory / "playd.toml"
        text = config.read_text().split("[gates]")[0]
        self.reloads += 1
        config.write_text(f"{text}[gates]\nmax_spread_bps = {100 - self.reloads}\n[streams]\nping_s = {5 + self.reloads}\n")
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def panic(self) -> None:
        """
        A panic of the instance while the market stands, in whose middle it dies, or behind its end. Lives before this one may
        have left it too little of the market to stand before the end of it; it just dies then.
        """
        wait_for(self._market_stands, "a market that stands")
        if self.exchange.market()["ended"]:
            self.kill()
            return
        (self.state / STOPS).touch()
        flags = ["--socket", str(self.state / "run" / "control.sock"), "--yes", "--reason", "a death in the middle"]
        command = [sys.executable, "-c", "from playd.cli.playctl import main; main()", "panic", NAME, *flags]
        subprocess.run(command, cwd=ROOT, capture_output=True, timeout=WITHIN_S, check=False)
        self.kill()

    def _market_stands(self) -> bool:
        market = self.exchange.market()
        return bool((market["held"] and not market["inside_candle"]) or market["ended"])

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        (self.state / STOPS).touch()
        told_ms = wall_ms()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(WITHIN_S)
        self.stops.append((told_ms, wall_ms()))
        return code

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the ledger."""
        return read_rows(self.state / "ledger.sqlite", sql)

    def kept(self) -> dict[str, Any]:
        """Payload of the instance's state file."""
        payload: dict[str, Any] = json.loads((self.state / "instances" / NAME / "state.json").read_bytes())["payload"]
        return payload

    def booked(self) -> dict[str, Any]:
        """The instance's share as the ledger has it."""
        found = self.rows(f"SELECT * FROM virtual_positions WHERE symbol = '{SYMBOL}'")
        return found[0] if found else {"signed_qty": "0", "stop": None, "target": None}

    def rebuilt(self) -> Decimal:
        """The position as the sum of all booked executions."""
        rows = self.rows(f"SELECT side, qty FROM executions WHERE symbol = '{SYMBOL}' AND exec_type <> 'Funding'")
        return sum((Decimal(row["qty"]) * (1 if row["side"] == "Buy" else -1) for row in rows), Decimal(0))

    def verdicts(self) -> list[tuple[int, str]]:
        return [(row["close_ms"], row["verdict"]) for row in self.rows("SELECT close_ms, verdict FROM bars ORDER BY close_ms")]


@contextmanager
def stage(
    directory: Path, *, play: Path = PLAY, depth_usdt: float = 0.0, participation: float = 0.0
) -> Iterator[tuple[ExchangeProcess, DaemonProcess]]:
    """A held exchange and a configured daemon that does not run yet; both are gone at the end."""
    exchange = ExchangeProcess(directory, depth_usdt=depth_usdt, participation=participation)
    daemon = DaemonProcess(directory, exchange, play=play)
    try:
        exchange.start()
        daemon.configure()
        yield exchange, daemon
    finally:
        daemon.kill()
        exchange.kill()
