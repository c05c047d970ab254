"""
What a command of `playctl` runs in: the world, the options that all commands have, a connection when it asks for one.

`execute` runs a command and turns whatever went wrong into one line on standard error and the exit code of the specification.
Nothing here knows the parser of the command line, whose import takes longer than a panic may wait.
"""

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from playd.control.client import ControlClient, Unanswered, Unreachable, connected
from playd.control.protocol import EXIT_OF_CODE, PROTOCOL, Code, JsonObject, RpcError
from playd.control.render import Output, json_text, ordered, pick, render_rows
from playd.control.tables import Column
from playd.core.errors import PlaydError, SettingsError
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop

EXIT_INTERRUPTED: Final = 130

HIGH_WAIT_S: Final = 120.0
"""How long a changing call may take: a stop with flatten needs up to 60 s."""


class UsageError(PlaydError):
    """An option that does not fit the command."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Options:
    """The common options as given."""

    output: Output
    columns: tuple[str, ...]
    socket: str
    timeout_s: float
    yes: bool
    reason: str
    quiet: bool
    request_id: str
    sort: str = ""


@dataclass(slots=True)
class Session:
    """What a command works with: the world, the options, and a connection when it asks for one."""

    world: World
    options: Options
    sent_as: str = ""
    """Request id of the last changing call."""

    @property
    def socket_path(self) -> PurePath:
        """Where the daemon listens: option, environment, the checkout's state directory, the service's runtime directory."""
        return find_socket(self.world, self.options.socket)

    @property
    def state_dir(self) -> PurePath:
        """Where the daemon of the socket keeps its records: above its run directory, but for the service's."""
        run_dir = self.socket_path.parent
        named = "" if self.options.socket else self.world.env.get("PLAYD_STATE_DIR")
        if named:
            return self.world.process.working_dir() / named
        return SERVICE_STATE if run_dir == SERVICE_RUN else run_dir.parent

    async def ask(self, method: str, params: JsonObject | None = None, *, timeout_s: float | None = None) -> JsonObject:
        """The result of one call on a fresh connection. `data` may be any JSON value; warnings go to standard error."""
        async with connected(self.world.net, self.socket_path, timeout_s=timeout_s or self.options.timeout_s) as client:
            result = await client.call(method, params or {})
        self.warn(result)
        return result

    async def change(self, method: str, params: JsonObject, *, timeout_s: float = HIGH_WAIT_S) -> JsonObject:
        """
        One changing call under a request id, asking for the phrase when the daemon wants one.

        A daemon that is stopped is found out before anything is sent to it, and without waiting as long as a change may take.
        """
        async with connected(self.world.net, self.socket_path, timeout_s=timeout_s) as client:
            await client.call("hello", {"client": "playctl", "protocol": PROTOCOL}, timeout_s=self.options.timeout_s)
            return await self.change_on(client, method, params)

    async def change_on(self, client: ControlClient, method: str, params: JsonObject) -> JsonObject:
        """`change` over a connection the command holds already."""
        try:
            result = await client.call(method, {**params, "request_id": self.request_id()})
        except RpcError as error:
            if error.code is not Code.PHRASE_REQUIRED:
                raise
            phrase = self._phrase(error)
            result = await client.call(method, {**params, "confirm": phrase, "request_id": self.request_id()})
        self.warn(result)
        return result

    def request_id(self) -> str:
        """The id given with `--request-id`, else a fresh one."""
        self.sent_as = self.options.request_id or f"ctl-{self.world.random.token(8)}"
        return self.sent_as

    def say(self, text: str) -> None:
        """A message for people; standard error, so that data stays clean."""
        if not self.options.quiet:
            print(text, file=sys.stderr)

    def warn(self, result: JsonObject) -> None:
        """Print the warnings of a result."""
        for warning in result.get("warnings", []):
            self.say(f"warning: {warning['code']}: {warning['text']}")

    def show_rows(self, rows: Sequence[JsonObject], columns: Sequence[Column], *, empty: str) -> None:
        """Print rows in the form asked for."""
        shown = tuple(columns)
        output = self.options.output
        if self.options.sort:
            try:
                rows = ordered(rows, columns, self.options.sort)
            except KeyError as error:
                raise UsageError(str(error.args[0])) from None
        if self.options.columns:
            try:
                shown = pick(columns, self.options.columns)
            except KeyError as error:
                raise UsageError(str(error.args[0])) from None
            output = Output.WIDE if output is Output.TABLE else output
        print(render_rows(rows, shown, output, empty=empty))

    def show(self, data: Any, text: str) -> None:
        """Print one object: as JSON when asked for, else as `text`."""
        print(json_text(data) if self.as_json else text)

    @property
    def as_json(self) -> bool:
        """Whether scripts read the output."""
        return self.options.output in (Output.JSON, Output.JSONL)

    def _phrase(self, error: RpcError) -> str:
        """The phrase that the daemon wants: from `--yes --reason` for a panic, else typed by a person."""
        phrase = str(error.details.get("phrase", ""))
        for line in error.details.get("preview", []):
            self.say(str(line))
        if phrase.startswith("PANIC ") and self.options.yes and self.options.reason:
            return phrase
        if not sys.stdin.isatty():
            raise error
        typed = input(f"{error.message}\nType {phrase!r} to go on: ")
        if typed != phrase:
            raise error
        return phrase


SOCKET: Final = "control.sock"
SERVICE_RUN: Final = PurePath("/run/playd")
SERVICE_STATE: Final = PurePath("/var/lib/playd")
"""The directories of the shipped units."""


def find_socket(world: World, given: str) -> PurePath:
    """
    The control socket's path: `given`, `PLAYD_RUN_DIR`, `PLAYD_STATE_DIR`/run, the checkout's `state/run`, the service's.

    Directories are asked for, not the socket: with the daemon gone its guardian still listens beside it.
    """
    here, env = world.process.working_dir(), world.env
    if given:
        return here / given
    if run_dir := env.get("PLAYD_RUN_DIR"):
        return here / run_dir / SOCKET
    if state_dir := env.get("PLAYD_STATE_DIR"):
        return here / state_dir / "run" / SOCKET
    ours = here / "state" / "run"
    return (SERVICE_RUN if _is_there(world, SERVICE_RUN) and not _is_there(world, ours) else ours) / SOCKET


def _is_there(world: World, directory: PurePath) -> bool:
    """Whether there is a directory; one that this user may not look into is there."""
    try:
        return world.disk.exists(directory)
    except PermissionError:
        return True


def execute(body: Callable[[Session], Awaitable[int]], options: Options) -> int:
    """Run a command body and give its exit code; every known failure becomes one line on standard error."""
    session = Session(real_world(), options)

    async def main(_: World) -> int:
        return await body(session)

    try:
        return run_loop(main, session.world)
    except RpcError as error:
        _complain(error.message, error.hint)
        return EXIT_OF_CODE.get(error.code, 1)
    except Unreachable as error:
        _complain(str(error), error.hint)
        return error.exit_code
    except Unanswered as error:
        _complain(str(error), _what_now(session))
        return error.exit_code
    except SettingsError as error:  # of this command line: the daemon's own come as an answer of it
        _complain(str(error), "")
        return UsageError.exit_code
    except PlaydError as error:
        _complain(str(error), "")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return 0


def _what_now(session: Session) -> str:
    """What a person does about a daemon that is there and did not answer."""
    hint = "the daemon may be stopped or blocked: `playctl guardian` says what is watched, `playctl panic` reaches the guardian"
    if session.sent_as:
        hint = (
            f"what became of it is not known: the same command with --request-id {session.sent_as} is safe, and says\n  {hint}"
        )
    return hint


def _complain(text: str, hint: str) -> None:
    print(f"playctl: {text}" + (f"\n  {hint}" if hint else ""), file=sys.stderr)
