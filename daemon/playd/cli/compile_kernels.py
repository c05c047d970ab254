"""
Compiles what Plays need, and ends: `python -m playd.cli.compile_kernels PLAY…`.

The start of a daemon runs it as a child process, because a process keeps the memory it has compiled in, 130 MiB for the
example Plays, and never uses it again.
"""

import sys
from contextlib import suppress
from pathlib import PurePath

from playd.core.errors import PlayError
from playd.world.kernel_cache import use_kernel_cache


def main(paths: list[str]) -> None:
    """Fill the kernel cache. A Play that cannot be read or fed is left to whoever wanted it, and its reasons."""
    use_kernel_cache()
    from playd.cli.rehearsals import rehearse_on
    from playd.market.synthetic import SyntheticFeed
    from playd.supervisor.plays import read_play
    from playd.venues.exchange.matched import warm_up
    from playd.world.real import real_world

    world, feed = real_world(), SyntheticFeed(0)
    warm_up()
    for path in paths:
        with suppress(PlayError):
            rehearse_on(feed, read_play(world.disk, PurePath(path)))


if __name__ == "__main__":
    main(sys.argv[1:])
