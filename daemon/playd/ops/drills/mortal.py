"""
A daemon that is killed at a call of its own, for DRL-01: before or after what it writes and sends.

The command is a file: `call` is `ledger` (a commit), `journal` (a record), `state` (a file that is replaced) or `socket` (a
request), `what` names the matter of the call or is empty, `side` is `before`, `sent` (a request whose bytes left, and nobody
read the answer) or `after`. At the `nth` such call the process gets SIGKILL: no handler runs, no buffer is flushed. With
`behind`, a call and a matter, only calls behind the first such one count.
"""

import asyncio  # seam: bytes have left when the loop has written them, which only it can say
import os  # seam: the kill is the process's own, in the middle of a call
import signal  # seam: the same
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import orjson

from playd.venues.bybit.post import Poster, RawReply
from playd.world.ports import Appender, Disk

LEDGER, JOURNAL, STATE, SOCKET = "ledger", "journal", "state", "socket"
BEFORE, SENT, AFTER = "before", "sent", "after"

FILL, ORDER, PLAN = "fill", "order", "plan"
CLASSES: Final = ("entry", "exit", "protect")
"""
What a commit is about: the class of an intent that it makes durable, executions (`FILL`), what the venue said of an order
(`ORDER`). A state is called as its file is, that of the guardian `PLAN`.
"""

_CREATE, _STOP = "order/create", "position/trading-stop"
_REDUCES: Final = b'"reduceOnly":true'
_WRITTEN_S: Final = 0.002


class Death:
    """Looks whether the moment has come that the command names."""

    def __init__(self, disk: Disk, command: PurePath) -> None:
        self._disk = disk
        self._command = command
        self._reached: dict[bytes, int] = {}
        self._begun: set[bytes] = set()

    def reach(self, call: str, whats: Collection[str], side: str) -> None:
        """A call of the daemon: die here if that is what was commanded."""
        if self.is_next(call, whats, side):
            os.kill(os.getpid(), signal.SIGKILL)  # seam: see the imports

    def is_next(self, call: str, whats: Collection[str], side: str) -> bool:
        """Whether this is the moment. Counts it."""
        try:
            text = self._disk.read_bytes(self._command)
        except FileNotFoundError:
            return False
        wanted = orjson.loads(text)
        if not self._has_begun(text, wanted.get("behind"), call, whats, side):
            return False
        if (wanted["call"], wanted["side"]) != (call, side) or (wanted["what"] and wanted["what"] not in whats):
            return False
        self._reached[text] = self._reached.get(text, 0) + 1
        return self._reached[text] == int(wanted["nth"])

    def _has_begun(self, text: bytes, behind: Sequence[str] | None, call: str, whats: Collection[str], side: str) -> bool:
        """Whether the call that the moment lies behind has been; it is not that moment itself."""
        if behind is None or text in self._begun:
            return True
        if (call, side) == (behind[0], AFTER) and behind[1] in whats:
            self._begun.add(text)
        return False


class MortalConnection:
    """A SQLite connection whose commits are moments, named after what they make durable."""

    def __init__(self, inner: sqlite3.Connection, death: Death) -> None:
        self._inner = inner
        self._death = death
        self._touched: set[str] = set()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        if sql.startswith("INSERT INTO intents"):
            self._touched |= {name for name in CLASSES if name in values}
        elif sql.startswith("INSERT INTO executions"):
            self._touched.add(FILL)
        elif sql.startswith("UPDATE orders"):
            self._touched.add(ORDER)
        elif sql == "ROLLBACK":
            self._touched.clear()
        if sql != "COMMIT":
            return self._inner.execute(sql, values)
        touched, self._touched = self._touched, set()
        self._death.reach(LEDGER, touched, BEFORE)
        cursor = self._inner.execute(sql)
        self._death.reach(LEDGER, touched, AFTER)
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class MortalAppender:
    """A file of the journal whose records are moments, named after the first word of their kind and the class of an intent."""

    def __init__(self, inner: Appender, death: Death) -> None:
        self._inner = inner
        self._death = death

    def write(self, data: bytes) -> None:
        records = [orjson.loads(line) for line in data.splitlines()]
        kinds = {str(each["kind"]).partition(".")[0] for each in records}
        kinds |= {str(each["data"]["class"]) for each in records if "class" in each.get("data", {})}
        self._death.reach(JOURNAL, kinds, BEFORE)
        self._inner.write(data)
        self._death.reach(JOURNAL, kinds, AFTER)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class MortalDisk:
    """Implements `Disk` over another one."""

    def __init__(self, inner: Disk, death: Death) -> None:
        self._inner = inner
        self._death = death

    def open_sqlite(self, path: PurePath, **more: Any) -> Any:
        return MortalConnection(self._inner.open_sqlite(path, **more), self._death)

    def open_append(self, path: PurePath, **more: Any) -> Any:
        opened = self._inner.open_append(path, **more)
        return MortalAppender(opened, self._death) if path.parent.name == "journal" else opened

    def write_replace(self, path: PurePath, data: bytes, **more: Any) -> None:
        self._death.reach(STATE, {path.stem}, BEFORE)
        self._inner.write_replace(path, data, **more)
        self._death.reach(STATE, {path.stem}, AFTER)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def mortal_requests(death: Death) -> None:
    """From now on, in this process, signed requests are moments."""
    get, post = Poster.get, Poster.post

    async def mortal_get(poster: Poster, url: Any, headers: Any, within_s: float) -> RawReply:
        return await _sent(death, url, b"", partial(get, poster, url, headers, within_s))

    async def mortal_post(poster: Poster, url: Any, headers: Any, body: bytes, within_s: float, **how: bool) -> RawReply:
        return await _sent(death, url, body, partial(post, poster, url, headers, body, within_s, **how))

    setattr(Poster, "get", mortal_get)  # noqa: B010 - a request has no port of its own to come through
    setattr(Poster, "post", mortal_post)  # noqa: B010


async def _sent(death: Death, url: Any, body: bytes, send: Callable[[], Awaitable[RawReply]]) -> RawReply:
    whats = {_matter(urlsplit(str(url)).path.removeprefix("/v5/"), body)}
    death.reach(SOCKET, whats, BEFORE)
    if death.is_next(SOCKET, whats, SENT):
        asyncio.get_running_loop().call_later(_WRITTEN_S, os.kill, os.getpid(), signal.SIGKILL)  # seam: see the imports
        await send()
        await anyio.sleep(1.0)  # whatever was answered, nobody has read it
    reply = await send()
    death.reach(SOCKET, whats, AFTER)
    return reply


def _matter(path: str, body: bytes) -> str:
    """What a request is about: `entry`, `exit`, `protect`, else the end of its path."""
    if path == _CREATE:
        return "exit" if _REDUCES in body else "entry"
    return "protect" if path == _STOP else path.rpartition("/")[2]
