"""
`playctl panic` without the parser of command lines, which takes longer to import than a panic may wait.

`carry_out` is the command, by whichever way it was typed. `hurried` reads the plain forms of it; every other form, help and
mistakes too, is the parser's.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import anyio

from playd.cli.session import HIGH_WAIT_S, Options, Session
from playd.control.client import ControlClient, Unanswered, Unreachable, connected
from playd.control.protocol import GUARDIAN_SOCKET, OUTCOME_UNKNOWN, PROTOCOL, Code, JsonObject, RpcError
from playd.control.render import Output
from playd.control.tables import PANIC
from playd.core.errors import PlaydError

COMMAND: Final = "panic"
POSITION_MAY_REMAIN: Final = "position_may_remain"
"""The reason of a panic that did not end flat, and so of one of which nobody knows how it ended."""

DAEMON_ANSWERS_S: Final = 2.0
"""A daemon that has not answered by then is passed over in a panic."""

_EMERGENCY: Final = "`playd emergency-flatten` needs nothing but the key"

_FLAGS: Final = {"--json": "json", "--yes": "yes", "--direct": "direct", "-q": "quiet", "--quiet": "quiet"}
_VALUES: Final = {"--socket": "socket", "--reason": "reason", "--request-id": "request_id", "--confirm": "confirm"}


_HELPLESS: Final = (Code.INTERNAL, Code.BUSY, Code.INVALID_REQUEST)
"""What is said by somebody who cannot carry a panic out: a bug, no place left at its socket, another protocol than ours."""


@dataclass(frozen=True, slots=True)
class Hurried:
    """A panic as it was typed."""

    options: Options
    scope: str
    confirm: str
    direct: bool

    async def run(self, session: Session) -> int:
        """Carry it out; the exit code."""
        return await carry_out(session, self.scope, self.confirm, direct=self.direct)


def hurried(words: Sequence[str]) -> Hurried | None:
    """The panic that the words of a command line ask for; None for what only the parser can read."""
    if not words or words[0] != COMMAND:
        return None
    left, scopes, given = iter(words[1:]), list[str](), dict[str, str]()
    for word in left:
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            scopes.append(word)
        elif word in _FLAGS:
            given[_FLAGS[word]] = "yes"
        elif name in _VALUES and (equals or (value := _next(left))):
            given[_VALUES[name]] = value
        else:
            return None
    if len(scopes) != 1:
        return None
    options = Options(
        output=Output.JSON if "json" in given else Output.TABLE,
        columns=(),
        socket=given.get("socket", ""),
        timeout_s=None,
        yes="yes" in given,
        reason=given.get("reason", ""),
        quiet="quiet" in given,
        request_id=given.get("request_id", ""),
    )
    return Hurried(options, scopes[0], given.get("confirm", ""), "direct" in given)


def _next(words: Iterator[str]) -> str:
    """The value of an option; empty for none, and for what looks like the next option."""
    word = next(words, "")
    return "" if word.startswith("-") else word


async def carry_out(session: Session, scope: str, confirm: str, *, direct: bool) -> int:
    """By the daemon, or by the guardian where the daemon does not answer; the exit code. Raises what the command line tells."""
    agreed = session.options.yes and session.options.reason
    # Who has agreed already reads no preview, which waits for the venue. What the scope is called is what was typed.
    params = {"scope": scope, "reason": session.options.reason, "confirm": confirm or (f"PANIC {scope}" if agreed else "")}
    silent: PlaydError | RpcError | None = None
    timeout_s, begun = session.wait_s(HIGH_WAIT_S), False
    if not direct:
        try:
            async with connected(session.world.net, session.socket_path, timeout_s=timeout_s) as client:
                # A stopped or blocked daemon has its socket still open: only an answer shows that it can act.
                await client.call("hello", {"client": "playctl", "protocol": PROTOCOL}, timeout_s=DAEMON_ANSWERS_S)
                begun = True
                return await _while_it_answers(session, lambda: _panic_on(session, client, "panic.run", params))
        except (Unreachable, Unanswered) as error:
            silent = error
        except RpcError as error:
            if error.code not in _HELPLESS:
                raise
            silent = error
        session.say(f"the daemon does not carry it out ({silent}); asking the guardian")
    begun_there = begun
    try:
        async with connected(session.world.net, session.socket_path.with_name(GUARDIAN_SOCKET), timeout_s=timeout_s) as client:
            begun = True
            return await _panic_on(session, client, "panic", params)
    except (Unreachable, Unanswered) as error:
        raise _unseen(session, f"{silent}; {error}" if silent else str(error), scope, begun=begun) from None
    except RpcError as error:
        # What the guardian refuses may have been begun all the same, by the daemon or by what failed in the guardian.
        says_how = error.code in (Code.INCOMPLETE, Code.PHRASE_REQUIRED)
        # A daemon that is there and silent may wake up and trade on in what the guardian does not know.
        lives = silent is not None and not isinstance(silent, Unreachable) and error.code is Code.NOT_FOUND
        if says_how or not (begun_there or lives or error.code in _HELPLESS):
            raise
        may_have_begun = begun_there or error.code is Code.INTERNAL
        raise _unseen(session, f"{silent}; {error}" if silent else str(error), scope, begun=may_have_begun) from None


async def _while_it_answers(session: Session, panic: Callable[[], Awaitable[int]]) -> int:
    """
    The exit code of a panic by a daemon that goes on to answer. Raises `Unanswered` when it stands still in the middle: whoever
    waits for a panic is not told so by the silence of the one connection, which is silent until the end.
    """
    codes = list[int]()

    async def watch(scope: anyio.CancelScope) -> None:
        await _silence(session)
        scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(watch, group.cancel_scope)
            codes.append(await panic())
            group.cancel_scope.cancel()
    except BaseExceptionGroup as raised:  # of the panic: the watch raises nothing
        raise raised.exceptions[0] from None
    if not codes:
        raise Unanswered(f"panic.run: begun, and no hello was answered within {DAEMON_ANSWERS_S:g} s since")
    return codes[0]


async def _silence(session: Session) -> None:
    """Return once the daemon leaves a hello on a connection of its own unanswered."""
    clock = session.world.clock
    while True:
        await anyio.sleep(DAEMON_ANSWERS_S)
        asked_s = clock.mono_s()
        try:
            async with connected(session.world.net, session.socket_path, timeout_s=DAEMON_ANSWERS_S) as client:
                await client.call("hello", {"client": "playctl", "protocol": PROTOCOL})
        except (Unreachable, Unanswered):
            # Later than that, it was we who stood still, while a person was typing.
            if clock.mono_s() - asked_s < 2 * DAEMON_ANSWERS_S:
                return
        except RpcError:
            continue  # no place left at its socket is an answer too


def _unseen(session: Session, why: str, scope: str, *, begun: bool) -> RpcError:
    """A panic whose end nobody saw: what is known of it, and what helps now."""
    known = "it was begun, and nobody saw its end" if begun else "nobody carries it out"
    hint = "what was begun is on record, and whoever starts next goes on with it. " if begun else ""
    text = f"{known}: a position may remain ({why})"
    return RpcError(
        Code.INCOMPLETE, text, reason=POSITION_MAY_REMAIN, hint=f"{hint}{_EMERGENCY};\n  {session.without_socket}", scope=scope
    )


async def _panic_on(session: Session, client: ControlClient, method: str, params: JsonObject) -> int:
    """The panic by whoever is at the other end; its report is printed also when something is left."""
    client.on_push = lambda message: session.say(str(message["data"].get("text", "")))
    try:
        answer = await session.change_on(client, method, params)
    except RpcError as error:
        if error.code is Code.INCOMPLETE and "positions" in error.details:
            _print_panic(session, error.details)
        if error.reason == OUTCOME_UNKNOWN:
            text, hint = f"{error.message}; a position may remain", "the same panic without --request-id is a new one"
            raise RpcError(Code.INCOMPLETE, text, reason=POSITION_MAY_REMAIN, hint=hint, scope=str(params["scope"])) from None
        raise
    _print_panic(session, answer["data"])
    return 0


def _print_panic(session: Session, report: JsonObject) -> None:
    if session.as_json:
        session.print_json(report)
        return
    session.show_rows(report["positions"], PANIC, empty="nothing was open" if report["flat"] else "no position could be read")
    session.say(report["text"])
