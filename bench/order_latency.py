"""
From the frame of a closed candle to the bytes of the entry it causes, ledger commit included.

    python bench/order_latency.py [ENTRIES [AMONG_MANY]]      200 and 100 unless told otherwise

A whole `playd run` trades one Play that enters on most one-minute candles, two of them in a second. Timed per entry:
from `data_received` of the socket that carries the candles to the return of `transport.write` with the order; between them
lie the hub, the columns, `decide`, the gates, the rate budget, the synced ledger transaction, the signature and the request.
Not timed: the exchange, and what the kernel does with the bytes. Twice: against an exchange in a process of its own, which is
how a venue looks, and against the embedded one, which shares the daemon's loop and core (paper mode). A third time with fifty
instances on an account, a symbol each, whose bars close together and of which one or another enters: from the frame of its own
bar, and from the last frame of that close, which may come behind the order. Where more of them enter at one close than the rate
budget has tokens for, the rest wait for the next second, as the venue wants it: those have a line of their own.
The state directory lies below the repository unless TMPDIR says otherwise, so that syncs reach the disk it lies on.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from _figures import tell, tell_percentiles
from _setup import REPO, scratch

from playd.market.synthetic import MORE_SYMBOLS, SYMBOLS

ENTRIES = 200
AMONG_MANY = 100
MANY = 50
MANY_SPEED = 30
"""Fifty bars together every two seconds."""

SPEED = 120
"""Two closes a second, half of what the rate budget lets entries have: none waits for a token, as none does on real candles."""
WITHIN_S = 900
REFERENCES = 50

AT_ONCE_MS = 1.0
"""A token that took longer was waited for: more entries at one close than a second has tokens for (five of the venue's ten)."""

PLAY = """
version: "3.0.0"
name: often
symbol: BTCUSDT
timeframes: {low_tf: 1m, med_tf: 5m, high_tf: 1h, exec: low_tf}
account: {max_drawdown_pct: 99}
features:
  fast: {indicator: ema, params: {length: 9}}
  rsi: {indicator: rsi, params: {length: 14}}
actions:
  entry_long: {all: [[fast, ">", 0], [rsi, "<", 101]]}
position_policy: {mode: long_only}
risk: {stop_loss_pct: 0.03, take_profit_pct: 0.06, max_position_pct: 2}
"""

SELDOM = PLAY.replace('[[fast, ">", 0], [rsi, "<", 101]]', "[[fast, cross_above, slow]]").replace(
    "  rsi:", "  slow: {indicator: ema, params: {length: 30}}\n  rsi:"
)
"""Enters about once an hour."""

CONFIG = """
[market]
speed = {speed}
[instances.often]
play = "often.yml"
mode = "paper"
"""

ELSEWHERE = """
account = "lab"
[accounts.lab]
environment = "local"
rest_url = "{url}"
credential_file = "{credential}"
"""


ONE_OF_MANY = """
[instances.{name}]
play = "{name}.yml"
mode = "paper"
account = "lab"
"""


def main(entries: int, among_many: int) -> None:
    tell("reference: append of 4 KiB and fdatasync", _sync_ms(), "ms", note="what this disk takes just now")
    for where in ("exchange in another process", "embedded exchange"):
        with tempfile.TemporaryDirectory(dir=scratch()) as name:
            found = _measure(Path(name), entries, separate=where.startswith("exchange"))
        _tell_found(where, found, {50: 2.0, 90: None, 99: 10.0})
    with tempfile.TemporaryDirectory(dir=scratch()) as name:
        found = _measure_many(Path(name), among_many)
    _tell_found(f"one of {MANY} instances", found, {50: None, 90: None, 99: None})
    waits = list(zip(found["behind_last_ms"], found["waited_ms"], strict=True))
    at_once = [taken_ms for taken_ms, waited_ms in waits if waited_ms < AT_ONCE_MS]
    tell_percentiles(f"last frame of {MANY} to order bytes, tokens at hand", at_once, "ms", {50: 10.0, 90: None, 99: 50.0})
    if late := [waited_ms for _, waited_ms in waits if waited_ms >= AT_ONCE_MS]:
        tell_percentiles(f"  waits for a rate token, of {len(late)} of {len(waits)} entries", late, "ms", {50: None, 99: None})


def _tell_found(where: str, found: dict[str, list[float]], limits_ms: dict[int, float | None]) -> None:
    tell_percentiles(f"frame to order bytes, {where}", found["entry_ms"], "ms", limits_ms)
    tell(f"  of which ledger commit, {where}", found["commit_ms"], "ms")
    rest_ms = [total - commit for total, commit in zip(found["entry_ms"], found["commit_ms"], strict=True)]
    tell_percentiles(f"  and all else, {where}", rest_ms, "ms", {50: None, 99: None})


def _sync_ms() -> list[float]:
    """The least that a commit can take on the disk that the ledger lies on."""
    taken_ms = []
    with tempfile.TemporaryFile(dir=scratch()) as file:
        for _ in range(REFERENCES):
            file.write(bytes(4096))
            file.flush()
            began_s = time.perf_counter()
            os.fdatasync(file.fileno())
            taken_ms.append((time.perf_counter() - began_s) * 1e3)
    return taken_ms


def _measure(directory: Path, entries: int, *, separate: bool) -> dict[str, list[float]]:
    (directory / "often.yml").write_text(PLAY)
    if not separate:
        return _trade(directory, entries, CONFIG.format(speed=SPEED))
    with _exchange(directory, SPEED) as (url, token):
        return _trade(directory, entries, CONFIG.format(speed=SPEED) + _elsewhere(directory, url, token))


def _measure_many(directory: Path, entries: int) -> dict[str, list[float]]:
    """Fifty instances of one account, a symbol each, on an exchange in another process."""
    symbols = [each.symbol for each in (*SYMBOLS, *MORE_SYMBOLS)][:MANY]
    config = f"[supervisor]\nmax_instances = {MANY}\n[market]\nspeed = {MANY_SPEED}\n"
    with _exchange(directory, MANY_SPEED, "--markets", str(MANY)) as (url, token):
        account = _elsewhere(directory, url, token).replace('account = "lab"\n', "")
        for symbol in symbols:
            name = symbol.lower()
            (directory / f"{name}.yml").write_text(SELDOM.replace("BTCUSDT", symbol).replace("name: often", f"name: {name}"))
            account += ONE_OF_MANY.format(name=name)
        return _trade(directory, entries, config + account)


def _elsewhere(directory: Path, url: str, token: str) -> str:
    """A new account of an exchange elsewhere, as the end of an instance's section and a section of its own."""
    credential = directory / "credential"
    credential.touch(mode=0o600)
    credential.write_text("api_key={key}\napi_secret={secret}\n".format(**_new_account(url, token)))
    return ELSEWHERE.format(url=url, credential=credential).lstrip()


def _trade(directory: Path, entries: int, config: str) -> dict[str, list[float]]:
    """Run the traced daemon until it has sent its entries."""
    (directory / "playd.toml").write_text(config)
    result = directory / "result.json"
    command = [sys.executable, str(Path(__file__).parent / "_traced_daemon.py"), str(directory / "playd.toml")]
    with (directory / "log").open("wb") as log:
        done = subprocess.run(
            [*command, str(directory / "state"), str(entries), str(result)], stderr=log, timeout=WITHIN_S, check=False
        )
    if done.returncode != 0 or not result.exists():
        raise SystemExit(f"the daemon ended with {done.returncode}:\n{(directory / 'log').read_text()[-2000:]}")
    found: dict[str, list[float]] = json.loads(result.read_text())
    return found


@contextmanager
def _exchange(directory: Path, speed: float, *more: str) -> Iterator[tuple[str, str]]:
    """`playd exchange serve` on a free port; its REST address and admin token."""
    playd = str(Path(sys.executable).parent / "playd")
    command = [playd, "exchange", "serve", "--synthetic", "1", "--speed", str(speed), "--port", "0", *more]
    with subprocess.Popen([*command, "--state", str(directory)], stdout=subprocess.PIPE, text=True, cwd=REPO) as process:
        assert process.stdout is not None
        welcome = ""
        try:
            while "X-Playd-Token" not in welcome and (line := process.stdout.readline()):
                welcome += line
            address, token = re.search(r"REST\s+(\S+)", welcome), re.search(r"X-Playd-Token: (\S+)", welcome)
            if address is None or token is None:
                raise SystemExit(f"the exchange did not start: {welcome}")
            yield address[1], token[1]
        finally:
            process.terminate()


def _new_account(url: str, token: str) -> dict[str, str]:
    body = json.dumps({"alias": "lab", "wallet_usdt": "100000"}).encode()
    headers = {"X-Playd-Token": token, "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/playd/accounts", body, headers), timeout=10) as response:
        found: dict[str, str] = json.load(response)
    return found


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given + [ENTRIES, AMONG_MANY][len(given) :]))
