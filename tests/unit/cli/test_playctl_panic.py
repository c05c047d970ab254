"""A panic that is typed plainly is read without the parser of command lines, and means what the parser would make of it."""

import math
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import PurePath
from typing import Any

import anyio
import pytest
from typer.testing import CliRunner

from playd.cli import options as parsed
from playd.cli import playctl_panic
from playd.cli.playctl_app import app
from playd.cli.playctl_panic import hurried
from playd.cli.session import Options, Session
from playd.control.client import Unanswered, Unreachable
from playd.control.protocol import EXIT_OF_CODE, GUARDIAN_SOCKET, OUTCOME_UNKNOWN, Code, JsonObject, RpcError
from playd.control.render import Output
from playd.world.virtual import virtual_world
from tests.virtual_time import in_virtual_time

PLAIN = (
    "panic all",
    "panic ema-cross --reason 'it burns'",
    "panic --yes account:main --reason=why --json",
    "panic symbol:main/BTCUSDT -q --confirm 'PANIC symbol:main/BTCUSDT' --request-id r1",
    "panic all --direct --quiet --socket /run/x.sock --reason=",
)
NOT_PLAIN = (
    "status",
    "panic",
    "panic --help",
    "panic all another",
    "panic all --timeout 5",
    "panic all -o json",
    "panic all --reason --yes",
    "panic all --reason",
    "panic all --json=1",
    "panic all --resaon why",
    "panic -- all",
)


@pytest.mark.parametrize("line", PLAIN)
def test_both_readings_of_a_plain_panic_are_one(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Options, dict[str, Any]]] = []

    def execute(body: Callable[[Any], Awaitable[int]], options: Options) -> int:
        command: Any = body(None)
        seen.append((options, {name: command.cr_frame.f_locals[name] for name in ("scope", "confirm", "direct")}))
        command.close()
        return 0

    monkeypatch.setattr(parsed, "execute", execute)
    words = shlex.split(line)
    done = CliRunner().invoke(app, words)
    found = hurried(words)
    assert done.exit_code == 0, done.output
    assert found is not None
    assert seen == [(found.options, {"scope": found.scope, "confirm": found.confirm, "direct": found.direct})]


@pytest.mark.parametrize("line", NOT_PLAIN)
def test_every_other_line_is_the_parsers(line: str) -> None:
    assert hurried(shlex.split(line)) is None


def test_a_panic_waits_for_no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def execute(body: Callable[[Any], Awaitable[int]], options: Options) -> int:
        seen.append(options.wait)
        return 0

    monkeypatch.setattr(parsed, "execute", execute)
    assert CliRunner().invoke(app, ["panic", "all", "--wait"]).exit_code == 0
    assert seen == [False]


@pytest.mark.anyio
async def test_a_panic_that_nobody_saw_end_may_have_left_a_position(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Restarted:
        """A daemon that died in the panic of this id and knows no more than that."""

        async def call(self, method: str, params: JsonObject, *, timeout_s: float | None = None) -> JsonObject:
            if method == "hello":
                return {}
            raise RpcError(Code.INCOMPLETE, "panic.run was running when the daemon stopped", reason=OUTCOME_UNKNOWN)

    @asynccontextmanager
    async def connected(_net: object, _path: object, *, timeout_s: float) -> AsyncIterator[Restarted]:
        waited.append(timeout_s)
        yield Restarted()

    monkeypatch.setattr(playctl_panic, "connected", connected)
    session = Session(virtual_world(), Options(Output.TABLE, (), "", 7.0, True, "why", True, "r1"))
    with pytest.raises(RpcError) as caught:
        await playctl_panic.carry_out(session, "all", "", direct=False)
    assert (EXIT_OF_CODE[caught.value.code], caught.value.reason) == (11, "position_may_remain")
    assert waited == [7.0]  # as --timeout says


@pytest.mark.parametrize(
    ("daemon", "guardian", "ends_with", "says"),
    [
        ("dies", "away", 11, "begun, and nobody saw its end: a position may remain"),
        ("silent", "away", 11, "nobody carries it out: a position may remain"),
        ("bug", "away", 11, "begun, and nobody saw its end: a position may remain"),
        ("away", "dies", 11, "begun, and nobody saw its end: a position may remain"),
        ("dies", "knows no such", 11, "begun, and nobody saw its end: a position may remain"),
        ("dies", "bug", 11, "begun, and nobody saw its end: a position may remain"),
        ("away", "bug", 11, "begun, and nobody saw its end: a position may remain"),
        ("away", "knows no such", 4, "the plan holds no position"),
        ("silent", "knows no such", 11, "nobody carries it out: a position may remain"),
        ("away", "away", 11, "nobody carries it out: a position may remain"),
        ("dies", "flat", 0, ""),
        ("crowded", "flat", 0, ""),
        ("crowded", "away", 11, "nobody carries it out: a position may remain"),
        ("crowded", "crowded", 11, "nobody carries it out: a position may remain"),
        ("newer", "flat", 0, ""),
    ],
)
@pytest.mark.anyio
async def test_a_panic_ends_with_what_is_known_of_the_position(
    daemon: str, guardian: str, ends_with: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Somebody:
        def __init__(self, how: str) -> None:
            self.how = how

        async def call(self, method: str, params: JsonObject, *, timeout_s: float | None = None) -> JsonObject:
            if self.how == "crowded":
                raise RpcError(Code.BUSY, "64 clients are connected already")
            if self.how == "newer":
                raise RpcError(Code.INVALID_REQUEST, "protocol 1 was asked for, this daemon speaks 2")
            if method == "hello" and self.how != "silent":
                return {}
            if self.how == "bug":
                raise RpcError(Code.INTERNAL, "panic.run failed: KeyError")
            if self.how == "knows no such":
                raise RpcError(Code.NOT_FOUND, "the plan holds no position of it")
            if self.how == "flat":
                return {"data": {"positions": [], "flat": True, "text": "flat"}}
            raise Unanswered(f"{method}: {self.how}")

    @asynccontextmanager
    async def connected(_net: object, path: PurePath, *, timeout_s: float) -> AsyncIterator[Somebody]:
        how = guardian if path.name == GUARDIAN_SOCKET else daemon
        if how == "away":
            raise Unreachable(f"nothing listens on {path}")
        yield Somebody(how)

    monkeypatch.setattr(playctl_panic, "connected", connected)
    session = Session(virtual_world(), Options(Output.TABLE, (), "", None, True, "why", True, "r1"))
    hint = ""
    try:
        code, text = await playctl_panic.carry_out(session, "all", "", direct=False), ""
    except RpcError as error:
        code, text, hint = EXIT_OF_CODE[error.code], error.message, error.hint
    except Unreachable as error:
        code, text = error.exit_code, str(error)
    assert code == ends_with
    assert says in text
    assert (f"make the file {session.state_dir}/HALT" in hint) is (ends_with == 11)


class Daemon:
    """One that has begun a panic, which takes `takes_s`; it answers nothing else after `silent_after_s`."""

    def __init__(self, takes_s: float, silent_after_s: float) -> None:
        self._takes_s = takes_s
        self._silent_after_s = silent_after_s

    async def call(self, method: str, params: JsonObject, *, timeout_s: float | None = None) -> JsonObject:
        if method == "hello":
            if anyio.current_time() >= self._silent_after_s:
                await anyio.sleep(timeout_s or playctl_panic.DAEMON_ANSWERS_S)
                raise Unanswered("hello: no answer")
            return {}
        await anyio.sleep(self._takes_s)
        return {"data": {"positions": [], "flat": True, "text": "flat"}}


@pytest.mark.parametrize(("takes_s", "silent_after_s", "by"), [(60.0, 1.0, "guardian"), (60.0, math.inf, "daemon")])
def test_a_daemon_that_stands_still_behind_its_hello_is_left_for_the_guardian_and_one_that_works_is_waited_for(
    takes_s: float, silent_after_s: float, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    async def body() -> None:
        began_s = anyio.current_time()

        @asynccontextmanager
        async def connected(_net: object, path: PurePath, *, timeout_s: float) -> AsyncIterator[Daemon]:
            is_guardian = path.name == GUARDIAN_SOCKET
            asked.append("guardian" if is_guardian else "daemon")
            yield Daemon(0.0, math.inf) if is_guardian else Daemon(takes_s, began_s + silent_after_s)

        monkeypatch.setattr(playctl_panic, "connected", connected)
        session = Session(virtual_world(), Options(Output.TABLE, (), "", None, True, "why", True, "r1"))
        assert await playctl_panic.carry_out(session, "all", "", direct=False) == 0
        assert (anyio.current_time() - began_s < 10.0) is (by == "guardian")

    in_virtual_time(body)
    assert asked[-1] == by


@pytest.mark.anyio
async def test_what_ends_a_panic_while_its_daemon_is_watched_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(virtual_world(), Options(Output.TABLE, (), "", None, True, "why", True, "r1"))

    async def broken() -> int:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError):
        await playctl_panic._while_it_answers(session, broken)


@pytest.mark.parametrize(
    ("yes", "reason", "confirm", "sent"),
    [(True, "why", "", "PANIC all"), (True, "", "", ""), (False, "why", "", ""), (True, "why", "PANIC x", "PANIC x")],
)
@pytest.mark.anyio
async def test_who_has_agreed_already_waits_for_no_preview(
    yes: bool, reason: str, confirm: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    class Guardian:
        async def call(self, method: str, params: JsonObject, *, timeout_s: float | None = None) -> JsonObject:
            asked.append(str(params["confirm"]))
            return {"data": {"positions": [], "flat": True, "text": "flat"}}

    @asynccontextmanager
    async def connected(_net: object, _path: PurePath, *, timeout_s: float) -> AsyncIterator[Guardian]:
        yield Guardian()

    monkeypatch.setattr(playctl_panic, "connected", connected)
    session = Session(virtual_world(), Options(Output.TABLE, (), "", None, yes, reason, True, "r1"))
    assert await playctl_panic.carry_out(session, "all", confirm, direct=True) == 0
    assert asked == [sent]
