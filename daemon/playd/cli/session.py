"""
What a command of `playctl` runs in: the world, the options that all commands have, a connection when it asks for one.

`execute` runs a command and turns whatever went wrong into one line on standard error and the exit code that stands for it.
Nothing here knows the parser of the command line, whose import takes longer than a panic may wait.
"""

import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

import anyio
import orjson

from playd.control.client import ControlClient, Unanswered, Unreachable, connected
from playd.control.protocol import EXIT_OF_CODE, MORE, OUTCOME_UNKNOWN, PROTOCOL, TOO_FAST, Code, JsonObject, RpcError
from playd.control.render import Output, json_text, ordered, pick, render_rows
from playd.control.tables import Column
from playd.core.errors import PlaydError, SettingsError
from playd.orders.kill_file import KILL_FILE
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop

EXIT_INTERRUPTED: Final = 130
EXIT_UNKNOWN: Final = 13
"""A change was under way when its daemon died: whether it was done nobody can say."""

LOOK_WAIT_S: Final = 10.0
HIGH_WAIT_S: Final = 120.0
"""How long a changing call may take: a stop with flatten needs up to 60 s."""

PACE_S: Final = 0.25
"""Until a client that asked too fast asks again."""

READY_LOOK_S: Final = 0.5
"""Between two looks whether a daemon is ready."""


class UsageError(PlaydError):
    """An option that does not fit the command."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Options:
    """
    The common options as given. `timeout_s` None: as long as each call may usually take. `watch_s` 0: once. `host` is another
    machine, `user@host` as ssh takes it.
    """

    output: Output
    columns: tuple[str, ...]
    socket: str
    timeout_s: float | None
    yes: bool
    reason: str
    quiet: bool
    request_id: str
    sort: str = ""
    watch_s: float = 0.0
    wait: bool = False
    host: str = ""


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

    @property
    def without_socket(self) -> str:
        """What refuses new risk where the daemon's socket takes nobody."""
        return f"make the file {self.state_dir / KILL_FILE}: it refuses all new risk, and needs no answer"

    async def ask(self, method: str, params: JsonObject | None = None, *, timeout_s: float | None = None) -> JsonObject:
        """The result of one call on a fresh connection. `data` may be any JSON value; warnings go to standard error."""
        async with self.connected(timeout_s or LOOK_WAIT_S) as client:
            result = await client.call(method, params or {})
        self.warn(result)
        return result

    async def change(self, method: str, params: JsonObject, *, timeout_s: float = HIGH_WAIT_S) -> JsonObject:
        """
        One changing call under a request id, asking for the phrase when the daemon wants one.

        A daemon that is stopped is found out before anything is sent to it, and without waiting as long as a change may take.
        """
        async with self.connected(timeout_s) as client:
            await client.call("hello", {"client": "playctl", "protocol": PROTOCOL}, timeout_s=self.wait_s(LOOK_WAIT_S))
            return await self.change_on(client, method, params)

    def connected(self, usual_s: float = LOOK_WAIT_S) -> AbstractAsyncContextManager[ControlClient]:
        """A connection to the daemon, whose answers may take `usual_s` unless --timeout says otherwise."""
        return connected(self.world.net, self.socket_path, timeout_s=self.wait_s(usual_s))

    def wait_s(self, usual_s: float) -> float:
        """How long an answer may take: --timeout, else what is usual for it."""
        return self.options.timeout_s or usual_s

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

    @property
    def asks(self) -> bool:
        """Whether a person is asked first, who sees what a command will do: on a terminal, without --yes."""
        return sys.stdin.isatty() and not self.options.yes

    def request_id(self) -> str:
        """The id given with `--request-id`, else a fresh one. Raises `UsageError` under `--watch`, which only looks."""
        if self.options.watch_s:
            raise UsageError("--watch repeats a look, and this command changes something: leave --watch out")
        self.sent_as = self.options.request_id or f"ctl-{self.world.random.token(8)}"
        return self.sent_as

    async def page(self, client: ControlClient, method: str, params: JsonObject) -> JsonObject:
        """One page of a list; whoever asks for many faster than a daemon takes requests waits a moment and asks again."""
        while True:
            try:
                return await client.call(method, params)
            except RpcError as error:
                if error.reason != TOO_FAST:
                    raise
                await anyio.sleep(PACE_S)

    async def newest(self, client: ControlClient, method: str, query: JsonObject, last: int, number: str) -> list[JsonObject]:
        """The newest `last` lines, oldest first, page before page; `number` is the field that the next page is asked for by."""
        found: list[JsonObject] = []
        while True:
            place = {"cursor": str(found[0][number])} if found else {}  # an older daemon knows no pages, and no such word
            result = await self.page(client, method, {**query, "limit": max(last - len(found), 1), **place})
            self.warn({"warnings": [each for each in result["warnings"] if each["code"] != MORE]})
            found = [*result["data"], *found]
            if len(found) >= last or not any(each["code"] == MORE for each in result["warnings"]):
                return found if last else []

    def read_text(self, file: str) -> tuple[str, str]:
        """Path and text of a file of the caller's. Raises `UsageError`."""
        path = self.world.process.working_dir() / file
        try:
            return str(path), self.world.disk.read_bytes(path).decode()
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{path}: not UTF-8 text (byte {error.start})") from error

    def say(self, text: str) -> None:
        """A message for people; standard error, so that data stays clean."""
        if not self.options.quiet:
            print(text, file=sys.stderr)

    def warn(self, result: JsonObject) -> None:
        """Print the warnings of a result."""
        for warning in result.get("warnings", []):
            self.say(f"warning: {warning['code']}: {warning['text']}")

    def show_rows(self, rows: Sequence[JsonObject], columns: Sequence[Column], *, empty: str, head: str = "") -> None:
        """
        Print rows in the form asked for, a table under `head`.

        Raises `UsageError` for a column that there is not, with nothing printed, unless a change is done.
        """
        shown = tuple(columns)
        output = self.options.output
        try:
            if self.options.sort:
                rows = ordered(rows, columns, self.options.sort)
            if self.options.columns:
                shown = pick(columns, self.options.columns)
                output = Output.WIDE if output is Output.TABLE else output
        except KeyError as error:
            if not self.sent_as:
                raise UsageError(str(error.args[0])) from None
            self.say(f"warning: all columns are shown: {error.args[0]}")
        text = render_rows(rows, shown, output, empty=empty)
        print(f"{head}\n{text}" if head and output in (Output.TABLE, Output.WIDE) else text)

    def show(self, data: Any, text: str) -> None:
        """Print one object: as JSON when asked for, else as `text`."""
        if self.as_json:
            self.print_json(data)
        else:
            print(text)

    def print_json(self, data: Any) -> None:
        """Print one JSON value, on one line for `-o jsonl`."""
        print(orjson.dumps(data).decode() if self.options.output is Output.JSONL else json_text(data))

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
        if options.wait:
            await until_ready(session)
        return await repeated(session, body)

    try:
        return run_loop(main, session.world)
    except RpcError as error:
        crowded = error.code is Code.BUSY and not error.hint
        _complain(error.message, f"close one of them, or {session.without_socket}" if crowded else error.hint)
        return EXIT_UNKNOWN if error.reason == OUTCOME_UNKNOWN else EXIT_OF_CODE.get(error.code, 1)
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


async def until_ready(session: Session) -> None:
    """Return once a daemon says that it is ready. Raises `Unanswered` when none has within the time-out."""
    step, limit_s = "no daemon listens", session.wait_s(LOOK_WAIT_S)
    with anyio.move_on_after(limit_s):
        while True:
            try:
                head = (await session.ask("status.get"))["data"]["daemon"]
            except (Unreachable, Unanswered) as error:
                step = str(error)
            else:
                if head["ready"]:
                    return
                step = f"it is at: {head['step']}"
            await anyio.sleep(READY_LOOK_S)
    raise Unanswered(f"not ready within {limit_s:g} s; {step}")


async def repeated(session: Session, body: Callable[[Session], Awaitable[int]]) -> int:
    """The command once, or under `--watch` again and again until its daemon is gone; the last exit code."""
    while True:
        code = await body(session)
        if not session.options.watch_s or code == Unreachable.exit_code:
            return code
        sys.stdout.flush()
        await anyio.sleep(session.options.watch_s)


def _what_now(session: Session) -> str:
    """What a person does about a daemon that is there and did not answer."""
    hint = "the daemon may be stopped or blocked: `playctl guardian` says what is watched, `playctl panic` reaches the guardian"
    hint += f";\n  {session.without_socket}"
    if session.sent_as:
        hint = (
            f"what became of it is not known: the same command with --request-id {session.sent_as} is safe, and says\n  {hint}"
        )
    return hint


def _complain(text: str, hint: str) -> None:
    print(f"playctl: {text}" + (f"\n  {hint}" if hint else ""), file=sys.stderr)
