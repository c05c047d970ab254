"""`playctl --host`: the same command by the `playctl` of another machine, through ssh, on this terminal."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from playd.cli.playctl_panic import COMMAND as PANIC
from playd.cli.playctl_panic import POSITION_MAY_REMAIN
from playd.cli.session import Options, Session, UsageError
from playd.control.client import Unanswered, Unreachable
from playd.control.protocol import Code, RpcError

FLAG: Final = "--host"
REQUEST_ID: Final = "--request-id"
SSH_FAILED: Final = 255
"""What ssh ends with when it did not get there, and when the link broke after it did; `playctl` never does."""

NOT_THERE: Final = 127

LOOKS: Final = frozenset(
    {
        *("status", "guardian", "list", "show", "positions", "orders", "fills", "balance", "pnl", "halts", "intents", "why"),
        *("explain", "logs", "events", "health", "metrics", "slo", "limits", "version", "readiness", "preflight"),
        *("orphan list", "incident list", "incident show", "notify list", "backup list", "backup verify", "audit verify"),
        *("evidence list", "parity show", "config show", "config check", "creds check"),
    }
)
"""
Commands that change nothing, whether they arrived over there or not. `doctor` and `reconcile --dry-run` are none: they are on
record under a request id, and a doctor leaves its report.
"""


def at_once(options: Options) -> Options:
    """The options of this side: waiting and repeating are done over there."""
    return replace(options, wait=False, watch_s=0.0)


async def on_host(session: Session, words: Sequence[str]) -> int:
    """
    Run a command line there, without its `--host`; its exit code. Raises `UsageError`, and `Unreachable` when nobody was asked.

    Nothing is sent twice by itself. A look that ssh brought no end of changed nothing: `Unreachable` as well. A change may have
    arrived, under a request id that this side knows: `Unanswered`. A panic raises `RpcError` then: a position may remain.
    """
    host = session.options.host
    if host.startswith("-") or not host.strip():
        raise UsageError(f"{FLAG} {host!r}: expected HOST or USER@HOST, as ssh takes them")
    given, request_id = session.options.request_id, session.request_id()
    command = remote_command(
        host,
        words,
        terminal=sys.stdin.isatty(),
        redirected=not sys.stdout.isatty(),
        request_id="" if given else request_id,
    )
    try:
        code = await session.world.process.run_attached(command)
    except OSError as error:
        raise Unreachable(
            f"{FLAG} {host}: ssh cannot be started: {error.strerror or error}", "it must be installed here"
        ) from None
    if code == SSH_FAILED:
        text = f"{FLAG} {host}: ssh did not get there, or the link broke; `ssh {host} playctl version` must work"
        if next(iter(_without_host(words)), "") == PANIC:
            hint = f"the same panic again is harmless, also with {REQUEST_ID} {session.sent_as}"
            raise RpcError(Code.INCOMPLETE, f"{text}: a position may remain", reason=POSITION_MAY_REMAIN, hint=hint)
        if is_look(words):
            raise Unreachable(text, "nothing was changed by it")
        raise Unanswered(f"{text}: it may have arrived before")
    if code == NOT_THERE:
        raise Unreachable(
            f"{FLAG} {host}: no playctl there", "its PATH for ssh must hold `playctl`, such as by a link in /usr/local/bin"
        )
    return code


def remote_command(
    host: str, words: Sequence[str], *, terminal: bool, redirected: bool = False, request_id: str = ""
) -> list[str]:
    """
    The ssh command, `request_id` given along with the words. A terminal is asked for where somebody types here, wherever the
    output goes: without one over there nobody would be asked, and a change made at once. Where the output is `redirected` that
    terminal is told to end lines as files do.
    """
    kept = _without_host(words)
    if request_id:
        end = kept.index("--") if "--" in kept else len(kept)
        kept[end:end] = [REQUEST_ID, request_id]
    before = "stty -onlcr; " if terminal and redirected else ""
    return ["ssh", *(["-t"] if terminal else []), "--", host, before + shlex.join(["playctl", *kept])]


def is_look(words: Sequence[str]) -> bool:
    """Whether a command line, its options behind the command, is one that changes nothing."""
    kept = _without_host(words)
    return bool(kept) and (kept[0] in LOOKS or " ".join(kept[:2]) in LOOKS)


def _without_host(words: Sequence[str]) -> list[str]:
    left, kept = iter(words), list[str]()
    for word in left:
        if word == FLAG:
            next(left, None)
        elif not word.startswith(f"{FLAG}="):
            kept.append(word)
    return kept
