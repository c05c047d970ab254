"""
Local exchanges as processes of their own: `python -m tests.crash.exchange_process` forks one per line of options (JSON).

Each tells its pid and its key in one JSON line once requests are answered, or `{}` when it cannot begin. It is held until
somebody releases it, unpaced, and in lock-step unless told otherwise, so that market time waits for a dead daemon.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from decimal import Decimal
from pathlib import PurePath
from typing import Any, NoReturn

from playd.market.source import MarketChoice, open_feed
from playd.matching.depth import DepthProfile
from playd.venues.exchange.config import AS_FAST_AS_POSSIBLE, ExchangeConfig
from playd.venues.exchange.exchange import ExchangeInfo
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.matched import warm_up
from playd.venues.exchange.serve import AccountWish, OpenedAccount, serve
from playd.world.real import real_world, run


def main() -> None:
    """Load modules and machine code once, then fork. The dead are nobody's business here."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    warm_up()
    for line in sys.stdin:
        if os.fork() == 0:
            born(json.loads(line))


def born(given: dict[str, Any]) -> NoReturn:
    """The child's side of a fork: its own log, no input, and nothing of the parent's clean-up at its end."""
    os.dup2(os.open(given["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    birth = Birth()
    try:
        live(given, birth)
    except BaseException:  # noqa: BLE001 - whatever it was, the child must not go on as its parent
        traceback.print_exc()
        sys.stderr.flush()
        birth.tell({})
    finally:
        os._exit(70)


class Birth:
    """One line per life, whatever becomes of it: a second one would be the next life's answer."""

    def __init__(self) -> None:
        self._told = False

    def tell(self, line: dict[str, Any]) -> None:
        """Print the line, unless one was."""
        if not self._told:
            self._told = True
            print(json.dumps(line), flush=True)


def live(given: dict[str, Any], birth: Birth) -> None:
    """An exchange until somebody kills it."""
    config = ExchangeConfig(
        records_path=PurePath(given["records"]),
        port=given["port"],
        speed=AS_FAST_AS_POSSIBLE,
        lockstep=given["lockstep"],
        lockstep_grace_s=given["grace_s"],
        held=True,
        rate_limits=False,
        admin_token=given["token"],
        terms=MarketTerms(depth=DepthProfile(given["depth_usdt"]), participation=given["participation"])
        if given["depth_usdt"]
        else MarketTerms(),
    )
    choice = MarketChoice(candles=(PurePath(given["candles"]),), history_ms=given["history_ms"])
    account = given["account"]
    wish = AccountWish(account["alias"], Decimal(account["wallet_usdt"]), *(account[f"{name}_bps"] for name in _BPS))

    def ready(info: ExchangeInfo, opened: Sequence[OpenedAccount]) -> None:
        birth.tell({"pid": os.getpid(), "port": info.port, "key": opened[0].key, "secret": opened[0].secret})

    run(lambda world: serve(world, open_feed(world.disk, choice), config, (wish,), ready), real_world())


_BPS = ("taker", "maker", "slippage")

if __name__ == "__main__":
    main()
