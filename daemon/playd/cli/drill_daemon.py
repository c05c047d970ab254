"""
`python -m playd.cli.drill_daemon DIRECTORY run --config FILE --state DIR`: the daemon of a drill, on a host that misbehaves;
`… DIRECTORY guardian --state DIR`: its guardian, on the same host.

They are `playd run` and `playd guardian` and nothing else; only disk, clock and names look into the directory
(`ops.drills.bad_host`), and what kills the daemon or breaks a Play of it.
"""

import sys
from collections.abc import Mapping
from pathlib import PurePath

from playd.core.errors import PlaydError
from playd.ops.drills.bad_host import on_bad_host, on_its_host
from playd.world.real import real_world


def main(arguments: list[str]) -> int:
    """Run until a signal says stop; the exit code of the program."""
    directory, program, *flags = arguments
    given = dict(zip(flags[::2], flags[1::2], strict=True))
    try:
        return (_guardian if program == "guardian" else _daemon)(PurePath(directory), given)
    except PlaydError as error:
        print(f"playd: {error}", file=sys.stderr)
        return error.exit_code


def _daemon(directory: PurePath, given: Mapping[str, str]) -> int:
    from playd.cli.daemon import run_daemon
    from playd.cli.run_options import RunOptions

    return run_daemon(RunOptions(config=given["--config"], state=given["--state"]), on_bad_host(real_world(), directory))


def _guardian(directory: PurePath, given: Mapping[str, str]) -> int:
    from playd.cli.guardian import GuardianOptions, run_guardian

    return run_guardian(GuardianOptions(state=given["--state"]), on_its_host(real_world(), directory))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # seam: the last line of a program
