"""All commands of `playctl`: each talks to one running daemon over its control socket."""

import typer

from playd.cli import (
    explain_running,
    playctl_arm,
    playctl_change,
    playctl_hand,
    playctl_lines,
    playctl_look,
    playctl_ops,
    playctl_parity,
    playctl_records,
)

app = typer.Typer(
    name="playctl",
    help="Look at and control a running playd. Every command has --json, an example, and meaningful exit codes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
playctl_look.register(app)
playctl_lines.register(app)
explain_running.register(app)
playctl_change.register(app)
playctl_arm.register(app)
playctl_hand.register(app)
playctl_records.register(app)
playctl_parity.register(app)
playctl_ops.register(app)
