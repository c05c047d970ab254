"""
From a request to an answer: the method is known, its parameters are right, a repeated request id repeats the answer.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import anyio
from pydantic import BaseModel, ValidationError

from playd.control.figures import rfc3339
from playd.control.params import FORMS, NAME, Changing, Params
from playd.control.protocol import OUTCOME_UNKNOWN, Code, JsonObject, Request, RpcError
from playd.control.server import Session
from playd.core.canonical import digest
from playd.core.errors import CandleError, PlayError, SettingsError
from playd.settings.words import dashed, nearest_word
from playd.supervisor.names import nearest
from playd.world.ports import Clock

FOUND_MAX: Final = 60
"""Characters of a wrong parameter that are said again."""

Answer = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""What a method answers, as the modules `*_answers` declare it."""

Handler = Callable[[Any, "Call"], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Method:
    """One method: what it takes, what it does, whether role *view* may call it."""

    params: type[Params]
    handler: Handler
    view: bool = False

    @property
    def changing(self) -> bool:
        """Whether it has an effect, and so a request id."""
        return issubclass(self.params, Changing)


@dataclass(slots=True)
class Call:
    """What a handler knows about the call besides its parameters. `warnings` become part of the answer."""

    session: Session
    method: str
    actor: str
    key: str
    warnings: list[tuple[str, str]]
    steps: int = 0

    async def step(self, data: JsonObject) -> None:
        """Report progress to the caller as a stream message of subscription `call`."""
        self.steps += 1
        await self.session.push("call", self.steps, data)


@dataclass(frozen=True, slots=True)
class Stored:
    """A command as the ledger keeps it. `answer` is None when the daemon stopped before the command ended."""

    method: str
    params_digest: str
    answer: JsonObject | None


class CommandStore(Protocol):
    """The ledger's `commands`: one recorded effect per request id, over restarts of the daemon."""

    def begin(self, request_id: str, method: str, params_digest: str, actor: str) -> Stored | None:
        """Record that a command is about to run, synced; what is stored already under its id, when there is something."""
        ...

    def finish(self, request_id: str, answer: JsonObject) -> None:
        """Record its answer, synced."""
        ...

    def forget(self, request_id: str) -> None:
        """It did nothing, and its id may be used by the command that it becomes."""
        ...


def schema_name(method: str) -> str:
    """What the results of a method are called, with the number of their form."""
    return f"playd.{method}/1"


class Dispatch:
    """Answers requests from a table of methods. Implements the server's `Dispatcher`."""

    def __init__(
        self, clock: Clock, methods: Mapping[str, Method], commands: CommandStore, on_bug: Callable[[str, Exception], None]
    ) -> None:
        self._clock = clock
        self._methods = methods
        self._commands = commands
        self._on_bug = on_bug
        self._running: dict[str, anyio.Event] = {}

    async def call(self, request: Request, session: Session) -> JsonObject:
        """The result object of a request. Raises `RpcError`."""
        method = self._methods.get(request.method)
        if method is None:
            hint = nearest(request.method, self._methods)
            raise RpcError(Code.METHOD_NOT_FOUND, f"no method {request.method!r}", hint=f"did you mean {hint}?" if hint else "")
        params = _validated(method, request.params)
        call = Call(session, request.method, session.peer.actor, "", [])
        if isinstance(params, Changing):
            call.key = params.request_id
            return await self._once(method, params, call)
        return self._envelope(call, await self._run(method, params, call))

    async def _once(self, method: Method, params: Changing, call: Call) -> JsonObject:
        """Run a changing call unless its id was used before; then give the answer of that time."""
        key = params.request_id
        while (running := self._running.get(key)) is not None:
            await running.wait()
        # The phrase says that somebody means it, a preview that he looks first: neither is part of what is to be done.
        params_digest = digest(params.model_dump(exclude={"request_id", "confirm", "preview"}))
        stored = self._commands.begin(key, call.method, params_digest, call.actor)
        if stored is not None:
            return _answer_again(stored, call.method, params_digest)
        done = self._running[key] = anyio.Event()
        try:
            try:
                answer = self._envelope(call, await self._run(method, params, call))
            except RpcError as error:
                if error.code is Code.PHRASE_REQUIRED:
                    self._commands.forget(key)  # nothing was done: the same command comes again, with its phrase
                else:
                    self._commands.finish(key, {"error": error.as_json()})
                raise
            self._commands.finish(key, {"result": answer})
            return answer
        finally:
            del self._running[key]
            done.set()

    async def _run(self, method: Method, params: Params, call: Call) -> Answer:
        try:
            return await method.handler(params, call)
        except RpcError:
            raise
        except (PlayError, CandleError, SettingsError) as error:
            findings = list(getattr(error, "findings", str(error).splitlines()))
            raise RpcError(Code.INVALID, str(error), reason="invalid", details={"findings": findings}) from error
        except Exception as error:  # the edge of a call: one broken method must not end the control server
            self._on_bug(call.method, error)
            raise RpcError(Code.INTERNAL, f"{call.method} failed: {type(error).__name__}: {error}") from error

    def _envelope(self, call: Call, data: Answer) -> JsonObject:
        return {
            "schema": schema_name(call.method),
            "ts": rfc3339(self._clock.wall_ms()),
            "data": data,
            "warnings": [{"code": code, "text": text} for code, text in call.warnings],
        }


def _validated(method: Method, params: JsonObject) -> Params:
    try:
        return method.params.model_validate(params)
    except ValidationError as error:
        parts = [_wrong(item, method.params) for item in error.errors(include_url=False)]
        raise RpcError(Code.INVALID_PARAMS, "; ".join(parts), details={"fields": parts}) from None


def _wrong(item: Any, model: type[BaseModel]) -> str:
    """What is wrong with one parameter: its name, what was found if that is short, what was expected, the nearest word."""
    name, found = ".".join(str(part) for part in item["loc"]) or "params", repr(item["input"])
    if item["type"] == "extra_forbidden":
        return f"{name}: {_nearest_field(item['loc'], model)}"
    pattern = item.get("ctx", {}).get("pattern", "")
    shape = FORMS.get(pattern)
    expected = f"expected {shape}{dashed(item['input']) if pattern == NAME else ''}" if shape else item["msg"]
    if item["type"] == "literal_error":
        expected += nearest_word(str(item["input"]), re.findall("'([^']*)'", item["ctx"]["expected"]))
    return f"{name}: found {found}, {expected}" if len(found) <= FOUND_MAX else f"{name}: {expected}"


def _nearest_field(place: Sequence[int | str], model: type[BaseModel]) -> str:
    """A parameter that there is not: the nearest one there, or all of them."""
    for part in place[:-1]:
        inner = model.model_fields[str(part)].annotation if part in model.model_fields else None
        model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else model
    near = nearest_word(str(place[-1]), model.model_fields)
    return f"no such parameter{near or '; there are: ' + (', '.join(model.model_fields) or 'none')}"


def _answer_again(stored: Stored, method: str, params_digest: str) -> JsonObject:
    if (stored.method, stored.params_digest) != (method, params_digest):
        raise RpcError(
            Code.REQUEST_ID_CONFLICT,
            f"this request id was used for {stored.method} with other parameters",
            hint="use a new request id for a new command",
        )
    if stored.answer is None:
        raise RpcError(
            Code.INCOMPLETE,
            f"{method} was running when the daemon stopped; it will not be run again under this id",
            reason=OUTCOME_UNKNOWN,
            hint="look at the state with `playctl status`, then decide",
        )
    if "error" in stored.answer:
        raise RpcError.from_json(stored.answer["error"])
    result: JsonObject = stored.answer["result"]
    return result
