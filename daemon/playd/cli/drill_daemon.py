"""
`python -m playd.cli.drill_daemon DIRECTORY run --config FILE --state DIR`: the daemon of a drill, on a host that misbehaves.

It is `playd run` and nothing else; only its disk, clock and names look into the directory (`ops.drills.bad_host`).
"""

import sys
from pathlib import PurePath

from playd.cli.daemon import RunOptions, run_daemon
from playd.core.errors import PlaydError
from playd.ops.drills.bad_host import on_bad_host
from playd.world.real import real_world


def main(arguments: list[str]) -> int:
    """Run until a signal says stop; the exit code of `playd run`."""
    directory, _, *flags = arguments
    given = dict(zip(flags[::2], flags[1::2], strict=True))
    options = RunOptions(config=given["--config"], state=given["--state"])
    try:
        return run_daemon(options, on_bad_host(real_world(), PurePath(directory)))
    except PlaydError as error:
        print(f"playd: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # seam: the last line of a program
