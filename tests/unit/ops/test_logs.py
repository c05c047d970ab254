"""Log lines: complete, ordered, free of secrets, readable on a terminal."""

import re
from collections.abc import Iterator
from pathlib import PurePath

import orjson
import pytest
import structlog

from playd.ops.log_file import LogFile, log_files
from playd.ops.logs import configure_logs
from playd.settings.model import Log as LogSettings
from playd.world.virtual import VirtualWorld, virtual_world


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def world() -> VirtualWorld:
    return virtual_world()


def lines(world: VirtualWorld) -> list[str]:
    return world.process.stderr.decode().splitlines()


def test_a_line_is_one_json_object_with_its_time_level_and_context(world: VirtualWorld) -> None:
    configure_logs(world, LogSettings(), "INFO")
    structlog.contextvars.bind_contextvars(instance="ema-cross")
    structlog.get_logger().info("stream.up", msg="private stream is up", account="paper", took_ms=12, reason=None)
    (line,) = lines(world)
    assert orjson.loads(line) == {
        "ts": "2024-01-01T00:00:00.000Z",
        "level": "info",
        "event": "stream.up",
        "msg": "private stream is up",
        "instance": "ema-cross",
        "account": "paper",
        "took_ms": 12,
    }
    assert list(orjson.loads(line))[:4] == ["ts", "level", "event", "msg"]


def test_lower_levels_are_left_out(world: VirtualWorld) -> None:
    configure_logs(world, LogSettings(), "WARNING")
    log = structlog.get_logger()
    log.info("stream.up")
    log.warning("stream.down")
    assert [orjson.loads(line)["event"] for line in lines(world)] == ["stream.down"]


def test_single_events_have_a_level_of_their_own(world: VirtualWorld) -> None:
    configure_logs(world, LogSettings(levels={"feed.*": "ERROR", "stream.up": "DEBUG"}), "INFO")
    log = structlog.get_logger()
    log.warning("feed.state")
    log.error("feed.state", msg="told")
    log.debug("stream.up")
    log.debug("stream.down")
    log.info("stream.down", msg="told")
    found = [(line["event"], line["level"]) for line in map(orjson.loads, lines(world))]
    assert found == [("feed.state", "error"), ("stream.up", "debug"), ("stream.down", "info")]


def test_a_file_gets_whole_objects_also_where_a_terminal_gets_text(world: VirtualWorld) -> None:
    world.disk.mkdir(PurePath("/state"))
    file = LogFile(world.disk, world.clock, PurePath("/state"), LogSettings())
    configure_logs(world, LogSettings(format="text"), "INFO", file=file)
    structlog.get_logger().info("stream.up", msg="api_key=AbCdEfGhIjKlMnOpQrSt")
    (path,) = log_files(world.disk, PurePath("/state"))
    assert orjson.loads(world.disk.read_bytes(path))["event"] == "stream.up"
    assert b"AbCdEfGhIjKlMnOpQrSt" not in world.disk.read_bytes(path)
    assert lines(world)[0].startswith("00:00:00.000")


def test_a_journal_gets_each_line_with_its_fields_and_what_it_does_not_take_is_on_standard_error(
    world: VirtualWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.process.journal = []
    configure_logs(world, LogSettings(), "INFO")
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("daemon.bug", msg="survived", instance="ema-cross", seq=7)
    (sent,) = world.process.journal
    assert sent.startswith(b"MESSAGE\n")
    text = sent[16 : 16 + int.from_bytes(sent[8:16], "little")].decode()
    assert text.startswith("daemon.bug survived instance=ema-cross seq=7\nTraceback")
    fields = sent[17 + len(text.encode()) :].decode().split()
    assert fields[:3] == ["PRIORITY=3", "SYSLOG_IDENTIFIER=playd", "PLAYD_EVENT=daemon.bug"]
    assert fields[3:] == ["PLAYD_INSTANCE=ema-cross", "PLAYD_SEQ=7"]
    assert lines(world) == []
    monkeypatch.setattr(world.process, "journal_send", lambda _entry: False)
    structlog.get_logger().info("stream.up")
    assert orjson.loads(lines(world)[0])["event"] == "stream.up"


def test_text_is_aligned_and_carries_the_exception(world: VirtualWorld) -> None:
    configure_logs(world, LogSettings(format="text"), "INFO")
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("instance.crash", msg="restarting", name_of="a")
    first, *rest = lines(world)
    assert first == "00:00:00.000 ERROR    instance.crash           restarting name_of=a"
    assert rest[-1] == "ValueError: broken"


def test_colours_only_where_asked(world: VirtualWorld) -> None:
    configure_logs(world, LogSettings(format="text"), "INFO", colours=True)
    structlog.get_logger().critical("position.naked")
    assert re.search("\x1b\\[1;31mCRITICAL", lines(world)[0])


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)])
def test_a_terminal_has_colours_unless_a_variable_says_none(
    variables: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = virtual_world(env=variables)
    monkeypatch.setattr(world.process, "is_terminal", lambda: True)
    configure_logs(world, LogSettings(), "INFO")
    structlog.get_logger().error("position.naked")
    assert ("\x1b[" in lines(world)[0]) is coloured


def test_echoed_keys_are_masked(world: VirtualWorld) -> None:
    configure_logs(world, LogSettings(), "INFO")
    structlog.get_logger().error("venue.refused", msg="error sign! origin_string[1700000000abcdefABCDEF5000]")
    assert "abcdefABCDEF" not in lines(world)[0]
