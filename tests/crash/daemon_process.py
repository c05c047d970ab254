"""
The daemon as a process that kills itself: `python -m tests.crash.daemon_process`, one line of JSON options per life.

It is `playd run` over the real world, wrapped: every effect that matters has a name (`commit:intent:before`,
`http:order/create:answered`, `state:linked` …), and at the n-th time the named moment comes, the process sends itself
SIGKILL. `start:any`, `run:any` and `stop:any` are all moments of a part of its life. Only the journal's pages are as short as
can be, so that it begins new ones. A clean end leaves the counts of all moments and the engine's columns behind.
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import Any, NoReturn
from urllib.parse import urlsplit

import aiohttp
import numpy as np

from playd.cli.daemon import run_daemon
from playd.cli.run_options import RunOptions
from playd.cli.runtime import Runtime
from playd.core.instrument import synthetic_instrument
from playd.core.orders import Action
from playd.engine.play_engine import PlayEngine
from playd.ops import journal
from playd.ops.journal import Journal
from playd.plays.compile import compile_program
from playd.settings import Settings
from playd.supervisor import life
from playd.supervisor.rehearsal import rehearse
from playd.venues.bybit.post import Poster, RawReply
from playd.world.ports import Appender, World
from playd.world.real import RealDisk, real_world
from tests.crash.harness import STOPS, played
from tests.crash.nursery import born

TABLES = ("exit", "intent", "execution", "verdict")
"""What a commit is named after, the first that fits; others are `commit:other`."""

CREATE, CLOSE = "http:order/create", "http:order/close"
"""Exits have the path of entries; their moments have a name of their own."""

REDUCES = b'"reduceOnly":true'
PAGE_BYTES = 512
READY = b'"kind":"daemon.ready"'
EXIT = str(Action.EXIT)
_INSERTS = {"INSERT INTO intents": "intent", "INSERT INTO executions": "execution", "INSERT INTO bars": "verdict"}


class Moments:
    """Counts named moments, and kills the process at one of them. `stops` is a file that is there once it shall stop."""

    def __init__(self, moment: str, nth: int, stops: Path) -> None:
        self.counts: Counter[str] = Counter()
        self.ready = False
        self._moment = moment
        self._nth = nth
        self._stops = stops

    def reach(self, name: str) -> None:
        """This moment has come."""
        part = "start" if not self.ready else "stop" if self._stops.exists() else "run"
        for each in (name, f"{part}:any"):
            self.counts[each] += 1
            if each == self._moment and self.counts[each] == self._nth:
                die()

    def is_next(self, name: str) -> bool:
        """Whether the next `reach` of this name is deadly."""
        return name == self._moment and self.counts[name] + 1 == self._nth


def die() -> NoReturn:
    """As a power cut: no handler runs, no buffer is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal arrives before this returns
    raise AssertionError


class Connection:
    """A SQLite connection whose commits are moments, named after what they make durable."""

    def __init__(self, inner: sqlite3.Connection, moments: Moments) -> None:
        self._inner = inner
        self._moments = moments
        self._touched: set[str] = set()

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        self._touched |= {name for start, name in _INSERTS.items() if sql.startswith(start)}
        if "intent" in self._touched and EXIT in values:
            self._touched.add("exit")
        if sql != "COMMIT":
            return self._inner.execute(sql, values)
        name = next((table for table in TABLES if table in self._touched), "other")
        self._touched.clear()
        self._moments.reach(f"commit:{name}:before")
        cursor = self._inner.execute(sql)
        self._moments.reach(f"commit:{name}:after")
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class JournalFile:
    """An appender whose writes and syncs are moments; `journal:torn` leaves half of a record behind."""

    def __init__(self, inner: Appender, moments: Moments) -> None:
        self._inner = inner
        self._moments = moments

    def write(self, data: bytes) -> None:
        self._moments.reach("journal:before")
        if self._moments.is_next("journal:torn"):
            self._inner.write(data[: len(data) // 2])
        self._moments.reach("journal:torn")
        self._inner.write(data)
        self._moments.reach("journal:written")
        self._moments.ready |= READY in data

    def sync(self) -> None:
        self._inner.sync()
        self._moments.reach("journal:synced")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class WatchedDisk(RealDisk):
    """The real disk with moments around ledger and journal."""

    def __init__(self, moments: Moments) -> None:
        super().__init__()
        self._moments = moments

    def open_sqlite(self, path: PurePath, **more: Any) -> Any:
        return Connection(super().open_sqlite(path, **more), self._moments)

    def read_from(self, path: PurePath, offset: int, max_bytes: int) -> bytes:
        data = super().read_from(path, offset, max_bytes)
        if path.suffix == ".toml":
            self._moments.reach("settings:read")
        return data

    def open_append(self, path: PurePath, **more: Any) -> Any:
        if path.parent.name != "journal":  # log lines and what the exchange has to say are nobody's record
            return super().open_append(path, **more)
        self._moments.reach("journal:page:before")
        opened = JournalFile(super().open_append(path, **more), self._moments)
        self._moments.reach("journal:page:after")
        return opened


class WatchedNet:
    """The real network with moments around each request: before it, when its bytes left, when the answer is there."""

    def __init__(self, inner: Any, moments: Moments) -> None:
        self._inner = inner
        self._moments = moments

    def http_session(self, **more: Any) -> aiohttp.ClientSession:
        session: Any = self._inner.http_session(**more)
        request, moments = session._request, self._moments

        async def watched(method: str, url: Any, **rest: Any) -> aiohttp.ClientResponse:
            response: aiohttp.ClientResponse = await answered(moments, _name_of(url), partial(request, method, url, **rest))
            return response

        session._request = watched
        return session  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _name_of(url: Any) -> str:
    return f"http:{urlsplit(str(url)).path.removeprefix('/v5').strip('/')}"


async def answered(moments: Moments, name: str, send: Callable[[], Awaitable[Any]]) -> Any:
    """Send a request, with its moments."""
    moments.reach(f"{name}:before")
    if moments.is_next(f"{name}:sent"):
        # The loop writes what was queued before it calls this.
        asyncio.get_running_loop().call_later(0.002, moments.reach, f"{name}:sent")
        await send()
        await asyncio.sleep(60)
    moments.counts[f"{name}:sent"] += 1
    answer = await send()
    moments.reach(f"{name}:answered")
    return answer


def watch_posts(moments: Moments) -> None:
    """Moments of requests, those that change something by what they are."""
    get, post = Poster.get, Poster.post

    async def watched_get(poster: Poster, url: Any, headers: Any, within_s: float) -> RawReply:
        reply: RawReply = await answered(moments, _name_of(url), partial(get, poster, url, headers, within_s))
        return reply

    async def watched(poster: Poster, url: Any, headers: Any, body: bytes, within_s: float, **how: bool) -> RawReply:
        name = _name_of(url)
        if name == CREATE and REDUCES in body:
            name = CLOSE
        reply: RawReply = await answered(moments, name, partial(post, poster, url, headers, body, within_s, **how))
        return reply

    Poster.get = watched_get  # type: ignore[method-assign, assignment]
    Poster.post = watched  # type: ignore[method-assign, assignment]


def watch_replacements(moments: Moments) -> None:
    """Moments inside the replacement of `state.json`: temporary file there, old one linked, renamed."""
    link, rename = os.link, os.replace

    def watched_link(source: Any, target: Any) -> None:
        is_state = Path(source).name == "state.json"
        if is_state:
            moments.reach("state:temporary")
        link(source, target)
        if is_state:
            moments.reach("state:linked")

    def watched_replace(source: Any, target: Any) -> None:
        name = Path(target).name
        rename(source, target)
        if name == "state.json.prev":
            moments.reach("state:previous")
        elif name == "state.json":
            moments.reach("state:replaced")

    os.link, os.replace = watched_link, watched_replace  # type: ignore[assignment]


class LastEngine(PlayEngine):
    """Remembers the engine of the instance, for the comparison of its columns."""

    last: "LastEngine | None" = None

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        LastEngine.last = self


def watch_reloads(moments: Moments) -> None:
    """Moments around the one step by which new settings hold; the records before and behind it have moments of their own."""
    take = Runtime.take_settings

    def watched(runtime: Runtime, settings: Settings) -> None:
        moments.reach("settings:checked")
        take(runtime, settings)
        moments.reach("settings:taken")

    Runtime.take_settings = watched  # type: ignore[method-assign, assignment]


class ShortPages(Journal):
    """A journal whose files are full soon."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._segment_bytes = PAGE_BYTES


def watched_world(moments: Moments) -> World:
    """The real world with moments in it."""
    world = real_world()
    watch_replacements(moments)
    watch_reloads(moments)
    watch_posts(moments)
    net: Any = WatchedNet(world.net, moments)
    return replace(world, disk=WatchedDisk(moments), net=net)


def leave_behind(directory: Path, moments: Moments) -> None:
    """Counts of the moments and every bit of the columns."""
    (directory / "moments.json").write_text(json.dumps(moments.counts))
    engine = LastEngine.last
    if engine is not None:
        columns = engine.columns
        rows = {name: columns.row(number) for name, number in columns.program.names.items()}
        np.savez(directory / "columns.npz", **rows)  # type: ignore[arg-type]


def live(given: dict[str, Any]) -> int:
    """One life of the daemon; its exit code, when it has one."""
    life.PlayEngine = LastEngine  # type: ignore[misc]
    journal.Journal = ShortPages  # type: ignore[misc]
    moments = Moments(given["moment"], given["nth"], Path(given["state"]) / STOPS)
    code = run_daemon(RunOptions(config=given["config"], state=given["state"]), watched_world(moments))
    leave_behind(Path(given["state"]), moments)
    return code


def main() -> None:
    """Load modules and machine code once, then fork a life per line of options; each birth and each end is told."""
    play, candles = played()
    instrument = synthetic_instrument(play.symbol, float(candles.open[0]))
    rehearse(compile_program(play, candles.step_ms), play, instrument, candles)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            given = json.loads(line)
            born(partial(live, given), given["log"])
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
