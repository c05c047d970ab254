"""
What a hundred instances in one process do to each other: loop lag, and how long the last of them waits for its bar.

    python bench/many_instances.py [SECONDS [COUNT [SPEED]]]      20, 100 and 60 unless told otherwise

Three times, each a whole `playd run` in a process of its own whose loop is looked at a hundred times a second, its start
included: shadows on the embedded market; paper instances on it, each with a wallet and a private stream of its own; and paper
instances of one account on an exchange in another process, one symbol each, which is how a venue looks. `SPEED` is market
minutes per real minute: at 60 every instance has a bar each second.
"""

import json
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from _daemon import SYMBOLS, resized
from _exchange import Access, exchange_process
from _figures import tell, tell_percentiles
from _setup import REPO, scratch

SECONDS, COUNT, SPEED = 20.0, 100, 60.0
LAG_MAX_MS = TURN_MAX_MS = 50.0
PLAYS = ("ema_cross_rsi", "bollinger_reversion", "macd_momentum", "supertrend_follow", "structure_breaks")
"""From one that trades every few minutes to one with market structure on three clocks."""


def plays_of(directory: Path, count: int, symbols: list[str]) -> list[str]:
    """So many different Plays: the examples, each with another size, over the symbols; their stems."""
    stems = []
    for number in range(count):
        example = REPO / "config" / "plays" / f"{PLAYS[number % len(PLAYS)]}.yml"
        text = re.sub(r"(?m)^symbol:.*$", f"symbol: {symbols[number % len(symbols)]}", example.read_text())
        text = resized(text, number / 1000)
        stems.append(f"i{number:03}")
        (directory / f"{stems[-1]}.yml").write_text(text)
    return stems


def configured(directory: Path, count: int, mode: str, access: Access | None) -> Path:
    """The configuration of one run."""
    symbols = list(SYMBOLS) if access is None else [f"S{number:02}USDT" for number in range(count)]
    lines = ["[supervisor]", f"max_instances = {count}", "[http]", 'listen = ""', "[daemon]", "ballast = false"]
    if access is not None:
        key = directory / "key"
        key.write_text(f"api_key={access.key}\napi_secret={access.secret}\n")
        key.chmod(0o600)
        lines += ["[accounts.lab]", 'environment = "local"', f'credential_file = "{key}"']
        lines += [f'rest_url = "http://127.0.0.1:{access.port}"']
    for stem in plays_of(directory, count, symbols):
        lines += [f"[instances.{stem}]", f'play = "{stem}.yml"', f'mode = "{mode}"']
        lines += ['account = "lab"'] if access is not None else []
    path = directory / "playd.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def measure(name: str, mode: str, seconds: float, count: int, speed: float, *, elsewhere: bool = False) -> None:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=scratch())))
        access = stack.enter_context(exchange_process(count, speed=speed)) if elsewhere else None
        config, result = configured(directory, count, mode, access), directory / "result.json"
        command = [sys.executable, str(Path(__file__).with_name("_watched_daemon.py")), str(config), str(directory / "state")]
        with (directory / "log").open("wb") as log:
            code = subprocess.run(
                [*command, str(speed), str(seconds), str(result)], stdout=log, stderr=log, check=False
            ).returncode
        if code:
            raise SystemExit(f"the daemon ended with {code}:\n{(directory / 'log').read_text()[-3000:]}")
        seen = json.loads(result.read_text())
    within = 100.0 * sum(lag <= LAG_MAX_MS for lag in seen["lag_ms"]) / len(seen["lag_ms"])
    print(f"{name}: {seen['bars']} bars in {seen['seconds']:.0f} s, {100 * seen['cpu_s'] / seen['seconds']:.0f} % of a core")
    tell_percentiles(f"{name}, loop lag", seen["lag_ms"], "ms", {50: None, 99: LAG_MAX_MS, 100: LAG_MAX_MS})
    tell(f"{name}, looks within {LAG_MAX_MS:g} ms", [within], "%")
    for phase, turns in seen["turn_ms"].items():
        if turns:
            label = f"{name}, {phase}: processor time between two looks"
            tell_percentiles(label, turns, "ms", {50: None, 99: None, 100: TURN_MAX_MS})
    tell_percentiles(f"{name}, bar to decision of one", seen["compute_ms"], "ms", {50: None, 99: LAG_MAX_MS})
    tell_percentiles(f"{name}, bar to decision of the last", seen["last_ms"], "ms", {50: None, 100: None})


def main(seconds: float, count: int, speed: float) -> None:
    measure(f"{count} shadows", "shadow", seconds, count, speed)
    measure(f"{count} paper, embedded", "paper", seconds, count, speed)
    measure(f"{count} paper, one account elsewhere", "paper", seconds, count, speed, elsewhere=True)


if __name__ == "__main__":
    given = [float(each) for each in sys.argv[1:]]
    every = [*given, *(SECONDS, COUNT, SPEED)[len(given) :]]
    main(every[0], int(every[1]), every[2])
