"""From a script, YAML or JSON, to faults; everything wrong is named at once: where, what, what is expected."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from playd.core.errors import SettingsError
from playd.plays.document import Item, Map, kind_of, read_document
from playd.plays.findings import Mark, Report
from playd.plays.reader import Key, Section, Table, read_scalar
from playd.venues.exchange.faults.kinds import ACT, KINDS, Kind
from playd.venues.exchange.faults.model import Fault, Seam, When, Where

_NAMES: Final = tuple(KINDS)
_SOCKETS: Final = ("public", "private", "trade")
_ROOT: Final = Table((Key("faults", "list", "a list of faults", required=True),))
_FAULT: Final = Table(
    (
        Key("kind", "word", "what goes wrong", required=True, words=_NAMES),
        Key("name", "text", "how it is called in the ledger", default=""),
        Key("where", "map", "what it hits"),
        Key("when", "map", "from when on, and which of the events"),
        Key("times", "int", "how often; 0 without end", low=0, high=1_000_000),
        Key("with", "map", "parameters of the kind"),
    )
)
_WHERE: Final = Table(
    (
        Key("path", "text", "path of a request such as `/v5/order/*`, or operation of a socket such as `auth`", default=""),
        Key("topic", "text", "topic of a socket such as `execution*`", default=""),
        Key("socket", "word", "kind of a socket", words=_SOCKETS),
        Key("account", "text", "alias of an account", default=""),
        Key("symbol", "text", "symbol", default=""),
        Key("link_id", "text", "orderLinkId", default=""),
    )
)
_LONG_S: Final = 1e9
_WHEN: Final = Table(
    (
        Key("from_s", "number", "not before, counted from arming", default=0.0, low=0.0, high=_LONG_S, unit="s"),
        Key("until_s", "number", "not from then on; 0 has no end", default=0.0, low=0.0, high=_LONG_S, unit="s"),
        Key(
            "market_min", "number", "not before, counted from arming", default=0.0, low=0.0, high=_LONG_S, unit="market minutes"
        ),
        Key("market_time", "text", "a time of the market such as 2026-01-01T00:00:00Z", default=""),
        Key("after", "int", "how many matching events pass unharmed", default=0, low=0, high=1_000_000_000),
        Key("probability", "number", "of a hit at each event", default=1.0, low=0.0, high=1.0, above=True),
        Key("seed", "int", "of the draws", default=0, low=0, high=2**53),
    )
)


def read_script(text: str, source: str) -> tuple[Fault, ...]:
    """The faults of a script. Raises `SettingsError` with a line for all that is wrong: `file:line:column: key: text`."""
    report = Report(source)
    faults: list[Fault] = []
    root = read_document(text, report) if text.strip() else Map((), Mark(1, 1))
    if root is not None:
        section = Section(root, _ROOT, "", report, mark=Mark(1, 1))
        for index, item in enumerate(section.list_of("faults")):
            faults += _fault(item, f"faults[{index}]", index, report)
    if report.failed:
        raise SettingsError("\n".join(_lines(report)))
    return tuple(faults)


def read_posted(body: dict[str, Any]) -> tuple[Fault, ...]:
    """The faults of a request: `{"faults": [...]}`. Raises `SettingsError`; places are keys, for lines say nothing here."""
    return read_script(orjson.dumps(body).decode(), "")


def _lines(report: Report) -> Iterator[str]:
    for finding in report.ordered():
        place = f"{report.source}:{finding.mark.line}:{finding.mark.column}: " if report.source else ""
        yield f"{place}{finding.path or 'script'}: {finding.text}"


def _fault(item: Item, path: str, index: int, report: Report) -> Iterator[Fault]:
    if not isinstance(item, Map):
        report.add("E107", item.mark, path, f"found {kind_of(item)}, expected a map with kind, where, when, times, with")
        return
    section = Section(item, _FAULT, path, report, mark=item.mark)
    kind = KINDS.get(section.text("kind")) if section.has("kind") else None
    if kind is None:
        return
    where = _where(section.section("where", _WHERE), kind)
    when = _when(section.section("when", _WHEN))
    params = _params(section.section("with", kind.table), kind, report)
    times = section.optional_integer("times")
    if kind.name == "answer" and bool(params["code"]) == bool(params["http"]):
        report.add("E103", item.mark, f"{path}.with", "found both or neither of code and http, expected one of them")
    name = section.text("name") or f"{kind.name}-{index + 1}"
    yield Fault(
        name=name,
        kind=kind.name,
        seams=_seams(kind, where),
        operations=kind.operations,
        where=where,
        when=when,
        times=int(not kind.lasting) if times is None else times,
        params=params,
    )


def _where(section: Section, kind: Kind) -> Where:
    socket = section.text("socket") if section.has("socket") else ""
    names = ("path", "topic", "account", "symbol", "link_id")
    texts = {name: section.text(name) for name in names}
    return Where(**{**texts, "topic": texts["topic"] or kind.topic}, socket=socket)


def _when(section: Section) -> When:
    market_ms = 0
    text = section.text("market_time")
    if text:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            expected = "a time with its zone such as 2026-01-01T00:00:00Z"
            section.report.add(
                "E107", section.mark_of("market_time"), section.path_of("market_time"), f'found "{text}", expected {expected}'
            )
        else:
            market_ms = round(moment.astimezone(UTC).timestamp() * 1000)
    return When(
        from_s=section.number("from_s"),
        until_s=section.number("until_s"),
        market_min=section.number("market_min"),
        market_ms=market_ms,
        after=section.integer("after"),
        probability=section.number("probability"),
        seed=section.integer("seed"),
    )


def _params(section: Section, kind: Kind, report: Report) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key in kind.params:
        item = section.item(key.name)
        found = read_scalar(item, key, section.path_of(key.name), report)
        values[key.name] = key.default if found is None else found
        if key.required and not section.has(key.name):
            report.add("E103", section.mark, section.path_of(key.name), f"found no key `{key.name}`, expected {key.meaning}")
    return values


def _seams(kind: Kind, where: Where) -> frozenset[Seam]:
    """An act is done after a request or at a frame when the script names one, else when its time has come."""
    if kind.seams != ACT:
        return kind.seams
    if where.path or where.link_id:
        return frozenset({Seam.DONE})
    return frozenset({Seam.FRAME}) if where.topic else ACT
