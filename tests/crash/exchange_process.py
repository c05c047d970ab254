"""
A local exchange as a process of its own: `python -m tests.crash.exchange_process OPTIONS`, OPTIONS as one JSON object.

Prints one JSON line once requests are answered. Held until somebody releases it, unpaced, and in lock-step unless told
otherwise, so that market time waits for a dead daemon.
"""

import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import PurePath

from playd.market.source import MarketChoice, open_feed
from playd.matching.depth import DepthProfile
from playd.venues.exchange.config import AS_FAST_AS_POSSIBLE, ExchangeConfig
from playd.venues.exchange.exchange import ExchangeInfo
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.serve import AccountWish, OpenedAccount, serve
from playd.world.real import real_world, run


def main() -> None:
    given = json.loads(sys.argv[1])
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
        line = {"rest_url": info.rest_url, "port": info.port, "key": opened[0].key, "secret": opened[0].secret}
        print(json.dumps(line), flush=True)

    run(lambda world: serve(world, open_feed(world.disk, choice), config, (wish,), ready), real_world())


_BPS = ("taker", "maker", "slippage")

if __name__ == "__main__":
    main()
