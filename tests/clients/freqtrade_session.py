"""
A trading session of freqtrade: it starts, trades both ways with its stop at the exchange, is killed with a position, starts
again and closes it. Takes some minutes, because its candles are those of the clock.
"""

import asyncio
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import requests

from tests.client_settings import json_of, python_of
from tests.clients.checks import comes, failed

STRATEGY = Path(__file__).parent / "freqtrade_strategy.py"
LOGIN = ("session", "session")
MINUTES_S = 200.0
WALLET_USDT = 10_000.0
"""Of the account that the exchange begins with."""

CENT = 0.01


class Bot:
    """One `freqtrade trade` and its own API."""

    def __init__(self, program: str, directory: Path, settings: dict[str, Any], port: int) -> None:
        self._program = program
        self._directory = directory
        self._api = f"http://127.0.0.1:{port}/api/v1/"
        self._log = directory / "freqtrade.log"
        own = {
            **{"max_open_trades": 2, "stake_amount": 300, "dry_run": False, "timeframe": "1m", "bot_name": "session"},
            **{
                "initial_state": "running",
                "internals": {"process_throttle_secs": 1},
                "db_url": f"sqlite:///{directory}/bot.db",
            },
            "entry_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
            "exit_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
            # The market moves on while an order is on its way: one that came too late is taken back and sent anew.
            "unfilledtimeout": {"entry": 20, "exit": 20, "exit_timeout_count": 0, "unit": "seconds"},
            "pairlists": [{"method": "StaticPairList"}],
            "api_server": {
                **{"enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": port, "verbosity": "error"},
                **{"username": LOGIN[0], "password": LOGIN[1], "jwt_secret_key": "k" * 32, "ws_token": "t" * 32},
            },
        }
        (directory / "config.json").write_text(json.dumps({**own, **settings}))
        (directory / "strategies").mkdir(exist_ok=True)
        (directory / "strategies" / STRATEGY.name).write_text(STRATEGY.read_text())
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [self._program, "trade", "--config", "config.json", "--userdir", ".", "--strategy", "EveryMinute"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._directory, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def ask(self, name: str, body: dict[str, Any] | None = None) -> Any:
        """An answer of its API, empty while there is none."""
        try:
            method = "GET" if body is None else "POST"
            answer = requests.request(method, self._api + name, json=body, auth=LOGIN, timeout=10)
        except requests.ConnectionError:
            return {}
        return answer.json() if answer.ok else {}

    def said(self, text: str) -> bool:
        return text in self._log.read_text(errors="replace")


def _count(bot: Bot, **wanted: Any) -> int:
    """Trades of the bot that are so."""
    trades = [*bot.ask("trades").get("trades", []), *(bot.ask("status") or [])]
    known = {trade["trade_id"]: trade for trade in trades}
    return sum(all(trade.get(name) == value for name, value in wanted.items()) for trade in known.values())


def _profit(bot: Bot) -> float:
    """What the bot says that its closed trades earned, in USDT."""
    return float(bot.ask("profit").get("profit_closed_coin", "nan"))


def _change(exchange: Any) -> float:
    """What the exchange says."""
    (wallet,) = exchange.get_wallet_balance(accountType="UNIFIED")["result"]["list"]
    return float(wallet["totalWalletBalance"]) - WALLET_USDT


def _held(exchange: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = exchange.get_positions(category="linear", settleCoin="USDT")["result"]["list"]
    return rows


def _is_covered(exchange: Any) -> bool:
    """Whether every open position has a conditional order behind it."""
    found = exchange.get_open_orders(category="linear", settleCoin="USDT", orderFilter="StopOrder")["result"]["list"]
    held = _held(exchange)
    return bool(held) and {row["symbol"] for row in held} <= {row["symbol"] for row in found}


async def session(program: str, directory: Path, *, rest_url: str, key: str, secret: str, port: int) -> None:
    """Run it all. `program` is the `freqtrade` to run, `directory` is its own, `port` is free for its API."""
    access = {"rest_url": rest_url, "key": key, "secret": secret}
    exchange = python_of("pybit", **access)["session"]
    bot = Bot(program, directory, json_of("freqtrade", **access), port)
    try:
        bot.start()
        await comes("it runs", lambda: bot.ask("ping").get("status") == "pong", within_s=60.0)
        await comes("it knows a unified account", lambda: bot.said("Unified account"))
        await comes("it opens at the exchange", lambda: _held(exchange), within_s=MINUTES_S)
        await comes("its stop is at the exchange", lambda: _is_covered(exchange), within_s=30.0)
        await comes("a long is closed", lambda: _count(bot, is_short=False, is_open=False), within_s=MINUTES_S)
        await comes("a short is closed", lambda: _count(bot, is_short=True, is_open=False), within_s=MINUTES_S)
        await comes("it holds and covers again", lambda: _is_covered(exchange), within_s=MINUTES_S)
        bot.kill()
        bot.start()
        await comes("it is back", lambda: bot.ask("ping").get("status") == "pong", within_s=60.0)
        bot.ask("stopentry", {})
        await comes("it is told to close", lambda: "result" in bot.ask("forceexit", {"tradeid": "all", "ordertype": "market"}))
        await comes("it is flat", lambda: not _held(exchange), within_s=MINUTES_S)
        await comes("no trade is open", lambda: not _count(bot, is_open=True), within_s=30.0)
        await comes("its profit is the change of the wallet", lambda: abs(_profit(bot) - _change(exchange)) < CENT)
    finally:
        bot.kill()


def run(python: Path, directory: Path, *, rest_url: str, key: str, secret: str, port: int) -> int:
    """Run the session of the freqtrade that lies beside an interpreter; 0 when all of it came true."""
    directory.mkdir(parents=True)
    program = str(python.parent / "freqtrade")
    asyncio.run(session(program, directory, rest_url=rest_url, key=key, secret=secret, port=port))
    return len(failed())
