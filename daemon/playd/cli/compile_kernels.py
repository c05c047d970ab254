"""
Compiles what Plays need, and ends: `python -m playd.cli.compile_kernels PLAY…`; or all there is: `--forwards`, `--backwards`.

The start of a daemon runs it as a child process, because a process keeps the memory it has compiled in, 130 MiB for the
example Plays, and never uses it again. All there is takes half as long in two processes that begin at the two ends: what one
has compiled the other finds in the cache.
"""

import sys
from contextlib import suppress
from pathlib import PurePath
from typing import Final

from playd.core.errors import PlayError
from playd.world.kernel_cache import use_kernel_cache

FORWARDS: Final = "--forwards"
BACKWARDS: Final = "--backwards"


def main(paths: list[str]) -> None:
    """Fill the kernel cache. A Play that cannot be read or fed is left to whoever wanted it, and its reasons."""
    use_kernel_cache()
    if paths == [FORWARDS] or paths == [BACKWARDS]:
        _compile_all(backwards=paths == [BACKWARDS])
        return
    from playd.cli.rehearsals import rehearse_on
    from playd.engine.shadow import compile_now
    from playd.market.synthetic import SyntheticFeed
    from playd.supervisor.plays import read_play
    from playd.venues.exchange.matched import warm_up
    from playd.world.real import real_world

    world, feed = real_world(), SyntheticFeed(0)
    warm_up()
    compile_now()
    for path in paths:
        with suppress(PlayError):
            rehearse_on(feed, read_play(world.disk, PurePath(path)))


def _compile_all(*, backwards: bool) -> None:
    """Every kernel, and backwards first what is none."""
    from playd.cli.warm import use_the_engine
    from playd.kernels.every import every_kernel

    if backwards:
        use_the_engine()
    kernels = [compile_one for _, compile_one in every_kernel()]
    for compile_one in reversed(kernels) if backwards else kernels:
        compile_one()


if __name__ == "__main__":
    main(sys.argv[1:])
