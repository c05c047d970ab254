"""
The guardian's socket: `ping`, `status`, `panic`, and the daemon's `beat`. Same lines and same errors as the control socket.

A panic here never waits for the daemon. It refuses new risk in its scope first, by notes (`orders.panic_notes`), or by the kill
file where all is to be closed: the daemon honours both within a second of waking up and at every start.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePath
from typing import Final, Protocol

import anyio

from playd.control.figures import rfc3339, rounded
from playd.control.known_symbols import UNSURE, is_listed, no_symbol
from playd.control.panic_rows import not_flat, panic_rows, worded
from playd.control.protocol import Code, JsonObject, Request, RpcError
from playd.control.server import Session
from playd.core.canonical import Json
from playd.core.errors import LinkError, VenueError
from playd.orders.guardian.guardian import Guardian
from playd.orders.guardian.plan import AccountPlan
from playd.orders.guardian.unfinished import Unfinished
from playd.orders.halts import ALL
from playd.orders.kill_file import KILL_FILE, write_kill_file
from playd.orders.panic_notes import CODE, leave_note
from playd.orders.panic_report import PanicReport, PanicScope
from playd.supervisor.names import not_found
from playd.world.ports import World

PROTOCOL: Final = 1
"""Number of the protocol between daemon and guardian; fields are only ever added to it."""


STOPS: Final = frozenset({"panic", "beat"})
"""Answered also where its socket has no place left: without a beat it takes the daemon for dead."""

NO_ACCOUNT: Final = "the guardian's plan holds no account; wallets of an embedded exchange live and end with their daemon"


@dataclass(frozen=True, slots=True)
class Part:
    """One account's part of a scope. `trades` is the symbol of an instance of which the plan knows no share."""

    alias: str
    scope: PanicScope
    trades: str = ""


class Voice(Protocol):
    """Log and journal of the guardian; both go on without each other, and the guardian without both."""

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the newest record; zero and nothing while there is no journal."""
        ...

    def say(self, level: str, event: str, text: str) -> None:
        """Write one log line."""
        ...

    def record(self, kind: str, data: Mapping[str, Json], account: str, symbol: str, actor: str = ...) -> None:
        """Append one record to the journal, where there is one, and tell the log of it."""
        ...


class GuardianMethods:
    """Answers the guardian's socket. Implements the server's `Dispatcher`."""

    def __init__(self, world: World, version: str, guardian: Guardian, state_dir: PurePath, voice: Voice) -> None:
        self._world = world
        self._version = version
        self._guardian = guardian
        self._state_dir = state_dir
        self._voice = voice
        self._started_s = world.clock.mono_s()
        self._methods: dict[str, Callable[[JsonObject, Session], Awaitable[JsonObject]]] = {
            "ping": self._ping,
            "status": self._status,
            "panic": self._panic,
            "beat": self._beat,
        }

    async def call(self, request: Request, session: Session) -> JsonObject:
        """The result object of a request. Raises `RpcError`."""
        method = self._methods.get(request.method)
        if method is None:
            raise RpcError(
                Code.METHOD_NOT_FOUND, f"the guardian has no method {request.method!r}, only {', '.join(self._methods)}"
            )
        try:
            data = await method(request.params, session)
        except RpcError:
            raise
        except Exception as error:  # the edge of a call: one broken call must not end the socket
            self._voice.say("error", "bug", f"{request.method}: {type(error).__name__}: {error}")
            raise RpcError(Code.INTERNAL, f"{request.method} failed: {type(error).__name__}: {error}") from error
        now = rfc3339(self._world.clock.wall_ms())
        return {"schema": f"guardian.{request.method}/1", "ts": now, "data": data, "warnings": []}

    async def _ping(self, params: JsonObject, session: Session) -> JsonObject:
        return self._presence()

    async def _beat(self, params: JsonObject, session: Session) -> JsonObject:
        protocol = params.get("protocol")
        if protocol != PROTOCOL:
            raise RpcError(Code.INVALID_REQUEST, f"guardian protocol {protocol!r} found, {PROTOCOL} expected")
        self._guardian.beat(
            str(params.get("daemon_id", "")), str(params.get("plan_digest", "")), stopping=params.get("stopping") is True
        )
        return {**self._presence(), "closing": list[Json](self._guardian.closing), "accounts": self._guardian.account_rows()}

    async def _status(self, params: JsonObject, session: Session) -> JsonObject:
        return {**self._presence(), **self._guardian.status()}

    def _presence(self) -> JsonObject:
        seq, head = self._voice.head
        return {
            "protocol": PROTOCOL,
            "version": self._version,
            "pid": self._world.process.pid,
            "uptime_s": rounded(self._world.clock.mono_s() - self._started_s),
            "rss_bytes": self._world.process.rss_bytes(),
            "plan_digest": self._guardian.read.digest if self._guardian.read is not None else None,
            "journal_head": {"seq": seq, "hash": head},
        }

    async def _panic(self, params: JsonObject, session: Session) -> JsonObject:
        scope, actor = str(params.get("scope", "")), session.peer.actor
        text, parts = self._parts(scope)
        known = await self._refuse_unknown(parts)
        phrase = f"PANIC {text}"
        if not text.startswith("instance:") and params.get("confirm") != phrase:
            raise self._phrase_needed(phrase, parts)
        reason = str(params.get("reason", ""))
        self._voice.record("panic.step", {"step": "received", "scope": text, "reason": reason}, "", "", actor)
        problem = self._refuse_risk(text, parts, reason, actor)
        said = 0

        async def push(line: str) -> None:
            nonlocal said
            said += 1
            await session.push("panic", said, {"text": line})

        reports, unread = await self._flatten(parts, push)
        report = panic_rows(text, reports, unread)
        if not known and report["flat"] and not report["positions"]:
            report = not_flat(report, UNSURE)
        if report["flat"] and (untold := await self._untold(parts)):
            report = not_flat(report, untold)
        if not parts:
            report["flat"], report["text"] = False, f"{text}: nobody was looked at: {NO_ACCOUNT}"
            report["problems"].append(NO_ACCOUNT)
        if problem:
            report["problems"].append(problem)
            report["text"] += f"; {problem}"
        result: dict[str, Json] = {"scope": text, "flat": bool(report["flat"]), "text": str(report["text"])[:1000]}
        self._voice.record("panic.result", result, "", "", actor)
        if not report["flat"]:
            raise RpcError(Code.INCOMPLETE, str(report["text"]), reason="position_may_remain", scope=text, details=report)
        return {**report}

    async def _flatten(
        self, parts: list[Part], push: Callable[[str], Awaitable[None]]
    ) -> tuple[list[tuple[str, PanicReport]], list[str]]:
        """All accounts at once; each reports its steps as they happen."""
        reports: list[tuple[str, PanicReport]] = []
        unread: list[str] = []
        send, receive = anyio.create_memory_object_stream[str](1000)

        async def one(part: Part) -> None:
            kept = self._guardian.kept.get(part.alias)
            if kept is None or kept.watch is None:
                unread.append(part.alias)
                if kept is not None:
                    kept.unfinished[part.scope] = Unfinished("the account is not watched", self._world.clock.wall_ms())
                return
            reports.append((part.alias, await kept.watch.panic(part.scope, send.send_nowait)))

        async def tell() -> None:
            async for line in receive:
                await push(line)

        async with receive, anyio.create_task_group() as telling:
            telling.start_soon(tell)
            async with send, anyio.create_task_group() as group:
                for part in parts:
                    group.start_soon(one, part)
        return sorted(reports, key=lambda each: each[0]), sorted(unread)

    def _parts(self, given: str) -> tuple[str, list[Part]]:
        """The scope as the daemon writes it, and the accounts that it reaches. Raises `RpcError` for an unknown one."""
        accounts = {account.alias: account for account in self._guardian.plan.accounts}
        kind, _, rest = given.partition(":")
        if given == ALL:
            return ALL, [Part(alias, PanicScope()) for alias in sorted(accounts)]
        if kind == "account" and rest:
            return given, [Part(_known(rest, accounts), PanicScope())]
        if kind == "symbol" and rest.count("/") == 1:
            alias, symbol = rest.split("/")
            return given, [Part(_known(alias, accounts), PanicScope(symbol=symbol))]
        name = rest if kind == "instance" and rest else given
        owned = {
            (account.alias, share.owner): ""
            for account in accounts.values()
            for each in account.positions
            for share in each.shares
            if share.name == name
        }
        instances = self._guardian.plan.instances
        known = {(each.account, each.uid): each.symbol for each in instances if each.name == name} | owned
        if not known:
            hint = "symbol:ACCOUNT/SYMBOL, account:A or all need no name"
            raise RpcError(Code.NOT_FOUND, not_found("instance", name, {each.name for each in instances}), hint=hint)
        parts = [Part(alias, PanicScope(instance_uid=uid), trades) for (alias, uid), trades in sorted(known.items())]
        return f"instance:{name}", parts

    async def _untold(self, parts: list[Part]) -> str:
        """
        What is open in the symbol of an instance beyond what the plan tells of, empty where nothing is: the newest plan has no
        share of it, and what it entered behind that plan nobody here can tell from what others hold.
        """
        for part in parts:
            kept, plan = self._guardian.kept.get(part.alias), self._guardian.plan.account(part.alias)
            if not part.trades or kept is None or kept.hands is None:
                continue
            closing = f"`playctl panic symbol:{part.alias}/{part.trades}` closes all of it"
            try:
                seen = await kept.hands.read()
            except (VenueError, LinkError) as error:
                return f"{part.trades} could not be read: {error}"
            for position in (each for each in seen.positions if each.symbol == part.trades and each.side is not None):
                planned = plan.position(position.symbol, position.position_idx) if plan is not None else None
                told = planned.qty if planned is not None and planned.side is position.side else Decimal(0)
                if position.qty > told:
                    return f"{worded(position)}, of which the plan tells {told:f}: some of it may be its; {closing}"
        return ""

    async def _refuse_unknown(self, parts: list[Part]) -> bool:
        """
        Whether the symbol of a scope is in the plan, was seen, or is on the venue's list; False where nobody says so. Raises
        `RpcError` for one that the venue does not list.
        """
        for part in parts:
            kept, symbol = self._guardian.kept.get(part.alias), part.scope.symbol
            planned = self._guardian.plan.account(part.alias)
            known = {each.symbol for each in (planned.positions if planned is not None else ())}
            if not symbol or kept is None or kept.watch is None or kept.hands is None:
                continue
            if (seen := kept.watch.seen) is not None:
                known |= {*(each.symbol for each in seen.positions), *(each.symbol for each in seen.orders)}
            listed = symbol in known or await is_listed(kept.hands.lists(symbol))
            if listed is False:
                raise RpcError(Code.NOT_FOUND, no_symbol(symbol, part.alias, known))
            if listed is None:
                return False
        return True

    def _phrase_needed(self, phrase: str, parts: list[Part]) -> RpcError:
        preview = ["the guardian would cancel entries and close positions"]
        for part in parts:
            kept = self._guardian.kept.get(part.alias)
            seen = kept.watch.seen if kept is not None and kept.watch is not None else None
            preview += [
                f"{part.alias}: {worded(position)}"
                for position in (seen.positions if seen is not None else ())
                if position.side is not None and part.scope.symbol in ("", position.symbol)
            ]
        return RpcError(
            Code.PHRASE_REQUIRED,
            f"this needs the phrase {phrase!r}",
            hint=f"type it when asked, or pass --confirm {phrase!r}",
            details={"phrase": phrase, "preview": preview},
        )

    def _refuse_risk(self, scope: str, parts: list[Part], reason: str, actor: str) -> str:
        """
        Whatever the daemon is doing, it opens nothing more in this scope; of all, or where no note can be left, nothing at all.

        The problem if neither can be written, else nothing.
        """
        disk, why, now_ms = self._world.disk, reason or f"panic {scope} through the guardian", self._world.clock.wall_ms()
        scopes = [part.scope.halt_scope(part.alias) for part in parts] if scope != ALL else []
        left = [leave_note(disk, self._state_dir, each, reason=why, actor=actor, time_ms=now_ms) for each in scopes]
        if left and all(left):
            return ""
        kill_file = self._state_dir / KILL_FILE
        if write_kill_file(disk, kill_file, reason=why, code=CODE, actor=actor, time_ms=now_ms, make_room=lambda: False):
            return ""
        return f"neither a note nor {kill_file} could be written: a daemon that wakes up may trade again"


def _known(alias: str, accounts: Mapping[str, AccountPlan]) -> str:
    if alias not in accounts:
        known = ", ".join(sorted(accounts)) or "none"
        raise RpcError(Code.NOT_FOUND, f"the guardian's plan holds no account {alias!r}; it holds {known}")
    return alias
