"""
`python -m playd.cli.pack_journal DIRECTORY`: packs what is old of a journal. A running daemon starts it, so that its loop never
waits for it.
"""

import sys
from datetime import UTC, datetime
from pathlib import PurePath

from playd.ops.journal_age import pack
from playd.world.real import real_world


def main(directory: str) -> int:
    """0 when everything that is due is packed, else 1 with the disk's word."""
    world = real_world()
    world.process.set_umask(0o077)
    try:
        pack(world.disk, PurePath(directory), datetime.fromtimestamp(world.clock.wall_ms() / 1000, UTC).date())
    except OSError as error:
        print(f"playd: {directory}: not packed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))  # seam: the last line of a program
