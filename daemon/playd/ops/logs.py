"""
Log lines: one JSON object each, or aligned text on a terminal, on standard error and in a file (`ops.log_file`).

Anybody in the shell logs with `structlog.get_logger()` and an event of the catalogue (`ops.events`):
`log.info("account.ready", account="main", took_ms=12)`. Context that holds for a task is bound once with
`structlog.contextvars.bind_contextvars(instance=…)`.
"""

from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final

import orjson
import structlog
from structlog.typing import Processor, WrappedLogger

from playd.core.secret import redact
from playd.ops.journald import entry
from playd.ops.log_file import LogFile
from playd.settings.model import Log as LogSettings
from playd.world.ports import Clock, Process, World

_FIRST: Final = ("ts", "level", "event", "msg")
_EVENT_WIDTH: Final = 24
_DIM, _RESET = "\x1b[2m", "\x1b[0m"
_COLOURS: Final = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[1;31m"}
_LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def configure_logs(
    world: World, settings: LogSettings, level: str, *, colours: bool | None = None, file: LogFile | None = None
) -> None:
    """
    Send every log line of this process to standard error and to `file`, from `level` on or from that of `settings.levels`.

    A journal behind standard error gets them with their fields, unless a format was asked for. `colours` overrules what the
    terminal and the variable `NO_COLOR` say.
    """
    terminal = world.process.is_terminal()
    native = settings.format == "auto" and world.process.logs_to_journal
    as_text = settings.format == "text" or (settings.format == "auto" and terminal)
    coloured = terminal and not world.env.get("NO_COLOR") if colours is None else colours
    renderer: Processor = _Text(coloured) if as_text else _json_line
    if native:
        renderer = _ToJournal(world.process, renderer)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            *([_Levels(settings.levels, level)] if settings.levels else []),
            _Stamp(world.clock),
            structlog.processors.ExceptionRenderer(),
            _redact_texts,
            *([_ToFile(file)] if file is not None else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(min(_LEVELS[each] for each in (level, *settings.levels.values()))),
        logger_factory=lambda *_: _StandardError(world.process),
        cache_logger_on_first_use=False,
    )


class _StandardError:
    """The logger at the end of the chain. A closed terminal never stops trading: the port swallows it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def msg(self, line: str) -> None:
        self._process.write_stderr(line.encode(errors="replace") + b"\n")

    debug = info = warning = error = critical = exception = msg


class _Levels:
    """Leaves out what is below the least level of its event."""

    def __init__(self, levels: Mapping[str, str], usual: str) -> None:
        self._levels = levels
        self._usual = usual

    def __call__(self, _: WrappedLogger, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        least = next((level for glob, level in self._levels.items() if fnmatchcase(str(fields["event"]), glob)), self._usual)
        if _LEVELS[str(fields["level"]).upper()] < _LEVELS[least]:
            raise structlog.DropEvent
        return fields


class _ToFile:
    """Writes each line to a file, whatever becomes of it on standard error."""

    def __init__(self, file: LogFile) -> None:
        self._file = file

    def __call__(self, logger: WrappedLogger, name: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        self._file.write(_json_line(logger, name, fields).encode(errors="replace"))
        return fields


class _ToJournal:
    """Gives each line to the journal with its fields; one that it does not take goes to standard error."""

    def __init__(self, process: Process, otherwise: Processor) -> None:
        self._process = process
        self._otherwise = otherwise

    def __call__(self, logger: WrappedLogger, name: str, fields: MutableMapping[str, Any]) -> Any:
        if self._process.journal_send(entry(fields)):
            raise structlog.DropEvent
        return self._otherwise(logger, name, fields)


class _Stamp:
    """Adds `ts`, RFC 3339 with milliseconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, _: WrappedLogger, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        moment = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC)
        fields["ts"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return fields


def _redact_texts(_: WrappedLogger, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Other people's texts echo keys; no line leaves with one."""
    if "exception" in fields:
        fields["exc"] = fields.pop("exception")
    return {name: redact(value) if isinstance(value, str) else value for name, value in fields.items()}


def _json_line(_: WrappedLogger, __: str, fields: MutableMapping[str, Any]) -> str:
    ordered = {name: fields[name] for name in _FIRST if name in fields}
    ordered |= {name: value for name, value in fields.items() if value is not None}
    return orjson.dumps(ordered, default=str).decode()


class _Text:
    """`12:00:00.000 INFO     stream.up  message  key=value …`, exceptions on lines of their own."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours

    def __call__(self, _: WrappedLogger, __: str, fields: MutableMapping[str, Any]) -> str:
        level = str(fields["level"])
        rest = " ".join(
            f"{name}={value}" for name, value in fields.items() if name not in (*_FIRST, "exc") and value is not None
        )
        parts = [str(fields["ts"])[11:23], f"{level.upper():<8}", f"{fields['event']:<{_EVENT_WIDTH}}"]
        if self._colours:
            parts[0] = f"{_DIM}{parts[0]}{_RESET}"
            parts[1] = f"{_COLOURS.get(level, '')}{parts[1]}{_RESET}"
        line = " ".join([*parts, *(str(text) for text in (fields.get("msg"), rest) if text)]).rstrip()
        return f"{line}\n{fields['exc']}" if fields.get("exc") else line
