"""`playctl --host`: the same command by the `playctl` of another machine, through ssh, on this terminal."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from playd.cli.session import Options, UsageError
from playd.control.client import Unreachable
from playd.world.ports import World

FLAG: Final = "--host"
SSH_FAILED: Final = 255
"""What ssh ends with when it did not get there; `playctl` never does."""

NOT_THERE: Final = 127


def at_once(options: Options) -> Options:
    """The options of this side: waiting and repeating are done over there."""
    return replace(options, wait=False, watch_s=0.0)


async def on_host(world: World, host: str, words: Sequence[str]) -> int:
    """Run a command line there, without its `--host`; its exit code. Raises `UsageError`, `Unreachable`."""
    if host.startswith("-") or not host.strip():
        raise UsageError(f"{FLAG} {host!r}: expected HOST or USER@HOST, as ssh takes them")
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    try:
        code = await world.process.run_attached(remote_command(host, words, terminal=terminal))
    except OSError as error:
        raise Unreachable(
            f"{FLAG} {host}: ssh cannot be started: {error.strerror or error}", "it must be installed here"
        ) from None
    if code == SSH_FAILED:
        raise Unreachable(f"{FLAG} {host}: ssh did not get there", f"`ssh {host} playctl version` must work")
    if code == NOT_THERE:
        raise Unreachable(
            f"{FLAG} {host}: no playctl there", "its PATH for ssh must hold `playctl`, such as by a link in /usr/local/bin"
        )
    return code


def remote_command(host: str, words: Sequence[str], *, terminal: bool) -> list[str]:
    """The ssh command. A terminal is asked for where there is one here: phrases are typed there."""
    left, kept = iter(words), list[str]()
    for word in left:
        if word == FLAG:
            next(left, None)
        elif not word.startswith(f"{FLAG}="):
            kept.append(word)
    return ["ssh", *(["-t"] if terminal else []), "--", host, shlex.join(["playctl", *kept])]
