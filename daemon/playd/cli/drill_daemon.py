"""
`python -m playd.cli.drill_daemon COMMAND-FILE run --config FILE --state DIR`: the daemon of a drill, on a disk that fails.

It is `playd run` and nothing else; only its disk looks for the file that says what is wrong with it (`failing_disk`).
"""

import sys
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from playd.cli.daemon import RunOptions, run_daemon
from playd.core.errors import PlaydError
from playd.ops.drills.failing_disk import FailingDisk
from playd.world.real import real_world


def main(arguments: list[str]) -> int:
    """Run until a signal says stop; the exit code of `playd run`."""
    command, _, *flags = arguments
    given = dict(zip(flags[::2], flags[1::2], strict=True))
    world = real_world()
    disk: Any = FailingDisk(world.disk, PurePath(command))
    options = RunOptions(config=given["--config"], state=given["--state"])
    try:
        return run_daemon(options, replace(world, disk=disk))
    except PlaydError as error:
        print(f"playd: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # seam: the last line of a program
