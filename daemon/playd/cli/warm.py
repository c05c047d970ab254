"""`playd warm`: compile everything now, so that no first use has to."""

import sys
from typing import Any, Final

from playd.cli.rehearsals import CACHE_VARIABLE, rehearse_on
from playd.control.render import json_text
from playd.core.instrument import synthetic_instrument
from playd.engine.shadow import compile_now
from playd.kernels.every import every_kernel
from playd.market.patterns.path import B
from playd.market.synthetic import SyntheticFeed
from playd.plays.load import load_play
from playd.plays.templates import new_play
from playd.research.backtest import run_backtest
from playd.research.pattern_market import pattern_market
from playd.venues.exchange.matched import warm_up
from playd.world.real import real_world

_BARS: Final = 60
"""Execution bars of the backtest that compiles the loop: any number does."""


def warm(*, as_json: bool) -> int:
    """Compile every kernel, the decisions, the matching and the backtest's loop into the cache; 0 when done."""
    world = real_world()
    folder = world.env.get(CACHE_VARIABLE)
    print(f"compiling into {folder}, which takes minutes when nothing is there", file=sys.stderr, flush=True)
    begun_s = world.clock.mono_s()
    from_cache = [_is_from_cache(compile_one()) for _, compile_one in every_kernel()]
    kernels_s = world.clock.mono_s() - begun_s
    use_the_engine()
    total_s = world.clock.mono_s() - begun_s
    found = {
        "kernels": len(from_cache),
        "compiled": from_cache.count(False),
        "kernels_s": round(kernels_s, 2),
        "engine_s": round(total_s - kernels_s, 2),
        "took_s": round(total_s, 2),
        "cache": folder,
    }
    if as_json:
        print(json_text(found))
    else:
        print(f"{kernels_s:7.1f} s  {len(from_cache)} kernels, {found['compiled']} of them compiled, the others were there")
        print(f"{total_s - kernels_s:7.1f} s  decisions, matching, backtest\n{total_s:7.1f} s  in all")
    return 0


def _is_from_cache(kernel: Any) -> bool:
    """As Numba has counted for this one."""
    return bool(kernel.stats.cache_hits)


def use_the_engine() -> None:
    """Once through everything compiled that is no kernel."""
    play = load_play(new_play("trend", "warm"), "warm")
    market = pattern_market(play, "trending", 0, _BARS)
    run_backtest(play, market, synthetic_instrument(play.symbol, B)).as_json()
    warm_up()
    compile_now()
    rehearse_on(SyntheticFeed(0), play)
