"""Lines come in pages that fit an answer, all of them in the end, and a client in a hurry is served too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from playd.cli.log_tap import LogTap
from playd.cli.session import PACE_S, Options, Session
from playd.control.client import ControlClient
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.line_methods import PAGE_BYTES, query_events, query_logs
from playd.control.params import EventQuery, LogQuery
from playd.control.protocol import TOO_FAST, Code, JsonObject, RpcError
from playd.control.render import Output
from playd.core.limits import REPLY_LINE_BYTES
from playd.ops.journal import open_journal
from playd.ops.segments import segment_names
from playd.settings.model import Journal as JournalSettings
from playd.world.virtual import virtual_world

pytestmark = pytest.mark.anyio
STATE = PurePath("/state")
RECORDS = 400
LINES = 5000


@asynccontextmanager
async def daemon() -> AsyncIterator[Daemon]:
    """A journal of four megabytes, and a log of two."""
    world, tap = virtual_world(), LogTap(lambda _line: None)
    tap.muted = False
    for number in range(LINES):
        tap(None, "", {"ts": "2024", "level": "info", "event": "fill.booked", "msg": f"{number}" + "x" * 400})
    async with open_journal(world, STATE / "journal", JournalSettings(), version="1") as (journal, _):
        for number in range(RECORDS - 1):
            journal.append("bar.verdict", {"number": number, "text": "x" * 10_000})
        ops = SimpleNamespace(world=world, state_dir=STATE, journal=journal)
        supervisor = SimpleNamespace(slots={})
        yield cast("Daemon", SimpleNamespace(ops=ops, supervisor=supervisor, query_logs=tap.query))


class Client:
    """Asks the methods themselves; every third request comes too fast."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.asked = 0
        self.longest = 0

    async def call(self, method: str, params: JsonObject) -> JsonObject:
        self.asked += 1
        if self.asked % 3 == 2:
            raise RpcError(Code.BUSY, "slow down", reason=TOO_FAST)
        call: Any = SimpleNamespace(warnings=[])
        if method == "log.query":
            data = await query_logs(self.daemon, LogQuery.model_validate(params), cast("Call", call))
        else:
            data = await query_events(self.daemon, EventQuery.model_validate(params), cast("Call", call))
        self.longest = max(self.longest, len(orjson.dumps(data)))
        return {"data": data, "warnings": [{"code": code, "text": text} for code, text in call.warnings]}


def session() -> Session:
    return Session(virtual_world(), Options(Output.TABLE, (), "", None, False, "", False, ""))


@pytest.mark.parametrize(
    ("method", "number", "last", "numbers"),
    [
        ("event.query", "seq", 5000, range(1, RECORDS + 1)),
        ("event.query", "seq", 250, range(RECORDS - 249, RECORDS + 1)),
        ("event.query", "seq", 0, range(0)),
        ("log.query", "n", 10_000, range(1, LINES + 1)),
        ("log.query", "n", 4000, range(LINES - 3999, LINES + 1)),
    ],
)
async def test_every_line_comes_once_and_in_order_however_many_pages_that_takes(
    method: str, number: str, last: int, numbers: range, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("playd.cli.session.PACE_S", 0.0)
    async with daemon() as one:
        client = Client(one)
        found = await session().newest(cast("ControlClient", client), method, {}, last, number)
    assert [line[number] for line in found] == list(numbers)
    assert client.longest < PAGE_BYTES + 200_000 < REPLY_LINE_BYTES
    assert (client.asked > 1) is (last > 0)
    assert capsys.readouterr().err == ""
    assert PACE_S > 0


@pytest.mark.parametrize("cursor", [None, "390"])
async def test_a_damaged_line_is_left_to_the_audit_on_every_page(cursor: str | None) -> None:
    async with daemon() as one:
        one.ops.journal.flush()
        disk, (name,) = one.ops.world.disk, segment_names(one.ops.world.disk, STATE / "journal")
        lines = disk.read_bytes(STATE / "journal" / name).splitlines()
        for at, own in ((350, b'"seq":351,'), (351, b'"seq":352,')):
            assert own in lines[at]
            lines[at] = lines[at].replace(own, b'"seq":"x",' if at == 350 else b"")
        disk.write_replace(STATE / "journal" / name, b"\n".join(lines) + b"\n", keep_previous=False)
        call: Any = SimpleNamespace(warnings=[])
        found = await query_events(one, EventQuery(limit=250, grep="number", cursor=cursor), cast("Call", call))
    assert found[0]["seq"] < 350
    assert not {351, 352, "x"} & {record.get("seq") for record in found}


async def test_a_later_page_is_read_from_where_the_one_before_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    async with daemon() as one:
        one.ops.journal.flush()
        disk = one.ops.world.disk
        size = disk.stat(STATE / "journal" / segment_names(disk, STATE / "journal")[0]).size
        whole = disk.read_from
        monkeypatch.setattr(
            type(disk),
            "read_from",
            lambda _, path, at, most: read.append(most) or whole(path, at, most),  # type: ignore[func-returns-value]
        )
        for cursor, numbers in (("401", range(381, 401)), ("380", range(360, 380)), ("30", range(10, 30)), ("2", range(1, 2))):
            read.clear()
            call: Any = SimpleNamespace(warnings=[])
            found = await query_events(one, EventQuery(limit=20, cursor=cursor), cast("Call", call))
            assert [record["seq"] for record in found] == list(numbers)
            assert sum(read) < size / 3, "all of it behind the page would be read"


@pytest.mark.parametrize("number", [b"9999999", b"1", b"x"])
async def test_a_damaged_number_where_a_page_is_looked_for_hides_no_record(number: bytes) -> None:
    async with daemon() as one:
        one.ops.journal.flush()
        disk, (name,) = one.ops.world.disk, segment_names(one.ops.world.disk, STATE / "journal")
        lines = disk.read_bytes(STATE / "journal" / name).splitlines()
        for at in range(151, 250, 2):  # the middle, where the search begins
            lines[at] = lines[at].replace(b'"seq":%d,' % (at + 1), b'"seq":%b,' % number)
        disk.write_replace(STATE / "journal" / name, b"\n".join(lines) + b"\n", keep_previous=False)
        call: Any = SimpleNamespace(warnings=[])
        found = await query_events(one, EventQuery(limit=30, cursor="260"), cast("Call", call))
    whole = [record["seq"] for record in found if record["seq"] != 1]
    assert whole[-9:] == list(range(251, 260))
    assert whole[:-9] == list(range(251 - 2 * (len(whole) - 9), 251, 2))
    assert len(whole) >= 15


async def test_a_daemon_that_knows_no_pages_is_asked_as_ever() -> None:
    async def older(method: str, params: JsonObject) -> JsonObject:
        assert params == {"grep": "x", "limit": 20}, "it refuses a field that it does not know"
        return {"data": [{"n": 1}], "warnings": []}

    client = cast("ControlClient", SimpleNamespace(call=older))
    assert await session().newest(client, "log.query", {"grep": "x"}, 20, "n") == [{"n": 1}]


async def test_another_refusal_is_no_reason_to_ask_again() -> None:
    async def busy(method: str, params: JsonObject) -> JsonObject:
        raise RpcError(Code.BUSY, "a comparison runs already")

    with pytest.raises(RpcError, match="comparison"):
        await session().page(cast("ControlClient", SimpleNamespace(call=busy)), "fill.list", {})
