"""`playctl`: a panic that is typed plainly does not wait for the other commands to be loaded."""

import sys

from playd.cli.playctl_panic import hurried
from playd.cli.session import execute


def main() -> None:
    """Entry point of the `playctl` script."""
    panic = hurried(sys.argv[1:])
    if panic is not None:
        raise SystemExit(execute(panic.run, panic.options))
    from playd.cli.options import arranged
    from playd.cli.playctl_app import app

    app(args=arranged(sys.argv[1:]))


if __name__ == "__main__":
    main()
