"""
Local exchanges as processes of their own: `python -m tests.crash.exchange_process` forks one per line of options (JSON).

Each tells its pid and its key in one JSON line once requests are answered, or `{}` when it cannot begin. It is held until
somebody releases it, unpaced, and in lock-step unless told otherwise, so that market time waits for a dead daemon.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from pathlib import PurePath
from typing import Any

from playd.market.source import MarketChoice, open_feed
from playd.matching.depth import DepthProfile
from playd.venues.exchange.config import AS_FAST_AS_POSSIBLE, ExchangeConfig
from playd.venues.exchange.exchange import ExchangeInfo
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.matched import warm_up
from playd.venues.exchange.serve import AccountWish, OpenedAccount, serve
from playd.world.real import real_world, run
from tests.crash.nursery import Birth, born


def main() -> None:
    """Load modules and machine code once, then fork. The dead are nobody's business here."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    warm_up()
    for line in sys.stdin:
        if os.fork() == 0:
            given, birth = json.loads(line), Birth(os.dup(1))
            born(partial(live, given, birth), given["log"], partial(birth.tell, {}))


def live(given: dict[str, Any], birth: Birth) -> int:
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
    return 0


_BPS = ("taker", "maker", "slippage")

if __name__ == "__main__":
    main()
