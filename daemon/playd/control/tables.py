"""The columns of every command, by name: how a cell is read from a row of a reply. Data for `render`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from playd.control.protocol import JsonObject

Cell = Callable[[JsonObject], str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Numbers are set right, words left; `wide` columns appear with `-o wide` only."""

    title: str
    cell: Cell
    right: bool = False
    wide: bool = False


def _walk(row: JsonObject, path: str) -> Any:
    value: Any = row
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def word(path: str) -> Cell:
    """A word at a dotted path; `-` when it is missing."""

    def cell(row: JsonObject) -> str:
        value = _walk(row, path)
        return "-" if value in (None, "") else "yes" if value is True else "no" if value is False else str(value)

    return cell


def mode(row: JsonObject) -> str:
    """The mode; real money is written so that nobody overlooks it. `-` where no daemon says it."""
    found = str(row.get("mode") or "-")
    return "LIVE" if found == "live" else found


_THERE_IS_NONE: Final = ("none", "none stated", "nothing was closed", "nothing was executed", "shadow")
"""Why a figure is missing that nobody has to look for: an order without a trigger, a shadow without a venue."""


def number(path: str, places: int | None = None, *, signed: bool = False) -> Cell:
    """
    The value of a figure, rounded for people; `?` when it is unknown, because unknown is not zero, `-` when there is none.

    The price of a market order is `market`.
    """

    def cell(row: JsonObject) -> str:
        found = _walk(row, path)
        value, why = (found.get("value"), found.get("why")) if isinstance(found, Mapping) else (found, None)
        if value is None:
            return "market" if why == "market" else "-" if why in _THERE_IS_NONE else "?"
        try:
            exact = Decimal(str(value))
        except InvalidOperation:
            return str(value)
        if places is not None:
            return f"{exact:+.{places}f}" if signed else f"{exact:.{places}f}"
        return format(exact.normalize() if exact else Decimal(0), "f")

    return cell


def age(path: str) -> Cell:
    """An age as people say it: `0.4s`, `12s`, `3m10s`, `2h05m`, `4d03h`."""

    def cell(row: JsonObject) -> str:
        value = _walk(row, path)
        return "?" if value is None else say_age(float(value))

    return cell


def say_age(age_s: float) -> str:
    """An age in at most two units."""
    if age_s < 10:
        return f"{max(age_s, 0.0):.1f}s"
    seconds = round(age_s)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds < 86_400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    return f"{seconds // 86_400}d{seconds % 86_400 // 3600:02d}h"


def mebibytes(path: str) -> Cell:
    """A size in MiB with its unit."""

    def cell(row: JsonObject) -> str:
        value = _walk(row, path)
        return "?" if value is None else f"{float(value) / 2**20:.1f}MiB"

    return cell


def position(row: JsonObject) -> str:
    """`flat`, or side and quantity; `?` when nobody could be asked."""
    held = row.get("position")
    if not isinstance(held, Mapping):
        return "?"
    if held.get("value") is None:
        return "?"
    quantity = Decimal(str(held["value"]))
    if not quantity:
        return "flat"
    return f"{'long' if quantity > 0 else 'short'} {format(abs(quantity), 'f')}"


def stop_at_venue(row: JsonObject) -> str:
    """The stop as the venue confirmed it, with the age of that confirmation; `NONE` for an unprotected position."""
    stop = row.get("stop_at_venue")
    if not isinstance(stop, Mapping) or stop.get("value") is None:
        why = stop.get("why") if isinstance(stop, Mapping) else None
        return {"flat": "-", "none": "NONE", "shadow": "shadow"}.get(str(why), "?")
    return f"{stop['value']} ({say_age(float(stop.get('age_s') or 0.0))})"


def stop_of_position(row: JsonObject) -> str:
    """The stop of an open position; `NONE` for one that is known to have none, as `status` says it."""
    stop = row.get("stop")
    naked = isinstance(stop, Mapping) and stop.get("value") is None and stop.get("why") == "none"
    return "NONE" if naked else number("stop")(row)


def holds(row: JsonObject) -> str:
    """Whether the cause of a halt goes on; `-` where a person is the cause, `?` where nobody can say."""
    told = {"person": "-", "unknown": "?"}.get(str(row.get("cause")))
    return told or ("yes" if row.get("still_holds") else "no")


def fill_type(row: JsonObject) -> str:
    """What filled; an execution that was only computed says so."""
    kind = str(row.get("type") or "-")
    return f"{kind} (shadow)" if row.get("source") == "shadow" else kind


def parity(row: JsonObject) -> str:
    """Whether the newest comparison with a backtest found the same, and how old it is; `-` for none."""
    found = row.get("parity")
    if not isinstance(found, Mapping):
        return "-"
    return f"{'same' if found['same'] else 'DIFFERS'} ({say_age(float(found['age_s']))})"


def note(row: JsonObject) -> str:
    """Why the state is not `running`, gravest reason first."""
    reasons = row.get("reasons") or []
    return "; ".join(say_reason(item) for item in reasons) or "-"


def say_reason(reason: Mapping[str, Any]) -> str:
    """Code, text, and since when it holds where that is known."""
    text = f"{reason['code']}: {reason['text']}" if reason.get("text") else str(reason["code"])
    return f"{text} (since {reason['since']})" if reason.get("since") else text


def why_not(row: JsonObject) -> str:
    """Why an instance cannot run; `-` for one that can."""
    return note(row) if row.get("state") == "failed" else "-"


STATUS: Final = (
    Column("NAME", word("name")),
    Column("MODE", mode),
    Column("STATE", word("state")),
    Column("SYMBOL", word("symbol")),
    Column("POS", position),
    Column("UPNL", number("upnl", 2, signed=True), right=True),
    Column("DAY", number("day", 2, signed=True), right=True),
    Column("DD", number("drawdown", 2), right=True),
    Column("STOP@VENUE", stop_at_venue),
    Column("BAR_AGE", age("bar_age_s"), right=True),
    Column("FEED", age("feed_age_s"), right=True),
    Column("RESTARTS", word("restarts"), right=True),
    Column("NOTE", note),
    Column("ACCOUNT", word("account"), wide=True),
    Column("PLAY_DIGEST", word("play_digest_short"), wide=True),
    Column("STEP", word("capital_step"), wide=True),
    Column("UNRESOLVED", word("unresolved"), right=True, wide=True),
    Column("SHORTFALL", number("shortfall", 1, signed=True), right=True, wide=True),
    Column("PARITY", parity, wide=True),
    Column("MEM", mebibytes("memory_bytes"), right=True, wide=True),
    Column("TRADES", word("trades"), right=True, wide=True),
)

LIST: Final = (
    Column("NAME", word("name")),
    Column("UID", word("uid")),
    Column("MODE", mode),
    Column("ACCOUNT", word("account")),
    Column("SYMBOL", word("symbol")),
    Column("STATE", word("state")),
    Column("ENABLED", word("enabled")),
    Column("PLAY", word("play_path")),
    Column("DIGEST", word("play_digest_short")),
    Column("CREATED", word("created")),
    Column("NOTE", why_not),
)

POSITIONS: Final = (
    Column("ACCOUNT", word("account")),
    Column("SYMBOL", word("symbol")),
    Column("SIDE", word("side")),
    Column("QTY", number("qty"), right=True),
    Column("ENTRY", number("entry"), right=True),
    Column("MARK", number("mark"), right=True),
    Column("UPNL", number("upnl", 2, signed=True), right=True),
    Column("STOP", stop_of_position, right=True),
    Column("STOP_BPS", number("stop_bps", 1), right=True),
    Column("LIQ", number("liq"), right=True),
    Column("OWNER", word("owner")),
    Column("LEDGER", number("ledger"), right=True),
    Column("DIFF", number("diff"), right=True),
    Column("AGE", age("age_s"), right=True),
    Column("MODE", mode, wide=True),
)

ORDERS: Final = (
    Column("LINK_ID", word("link_id")),
    Column("SYMBOL", word("symbol")),
    Column("SIDE", word("side")),
    Column("TYPE", word("type")),
    Column("QTY", number("qty"), right=True),
    Column("FILLED", number("filled"), right=True),
    Column("PRICE", number("price"), right=True),
    Column("TRIGGER", number("trigger"), right=True),
    Column("STATE", word("state")),
    Column("AGE", age("age_s"), right=True),
    Column("OWNER", word("owner")),
    Column("ACCOUNT", word("account"), wide=True),
    Column("MODE", mode, wide=True),
)

CANCELLED: Final = (
    *(column for column in ORDERS if not column.wide),
    Column("AVG_PRICE", number("avg_price"), right=True),
    Column("POSITION", number("position"), right=True),
    Column("STOP@VENUE", number("stop"), right=True),
    *(column for column in ORDERS if column.wide),
)

FILLS: Final = (
    Column("TIME", word("time")),
    Column("SYMBOL", word("symbol")),
    Column("SIDE", word("side")),
    Column("QTY", number("qty"), right=True),
    Column("PRICE", number("price"), right=True),
    Column("FEE", number("fee", 6), right=True),
    Column("TYPE", fill_type),
    Column("REASON", word("reason")),
    Column("LINK_ID", word("link_id")),
    Column("OWNER", word("owner")),
    Column("ACCOUNT", word("account"), wide=True),
    Column("SOURCE", word("source"), wide=True),
    Column("MODE", mode, wide=True),
)

ORPHANS: Final = (
    Column("ID", word("id")),
    Column("KIND", word("kind")),
    Column("SYMBOL", word("symbol")),
    Column("SIDE", word("side")),
    Column("QTY", number("qty"), right=True),
    Column("PRICE", word("price"), right=True),
    Column("AGE", age("age_s"), right=True),
    Column("ACCOUNT", word("account"), wide=True),
)

LEFT: Final = Column("LEFT", word("left"), right=True)

ACCEPTED: Final = (
    Column("ACCOUNT", word("account")),
    Column("SYMBOL", word("symbol")),
    Column("LEDGER", number("ledger"), right=True),
    Column("VENUE", number("venue"), right=True),
    Column("PRICE", word("price"), right=True),
)

ADOPTED: Final = (
    Column("ACCOUNT", word("account")),
    Column("SYMBOL", word("symbol")),
    Column("NAME", word("name")),
    Column("SIDE", word("side")),
    Column("QTY", number("qty"), right=True),
    Column("ENTRY", word("entry"), right=True),
    Column("STOP", word("stop"), right=True),
    Column("TARGET", word("target"), right=True),
)

BALANCE: Final = (
    Column("ACCOUNT", word("account")),
    Column("MODE", mode),
    Column("UID", word("uid")),
    Column("EQUITY", number("equity", 2), right=True),
    Column("AVAILABLE", number("available", 2), right=True),
    Column("IM_RATE", number("im_rate", 4), right=True),
    Column("MM_RATE", number("mm_rate", 4), right=True),
    Column("AGE", age("age_s"), right=True),
    Column("NOTE", word("not_ready")),
)

HALTS: Final = (
    Column("SCOPE", word("scope")),
    Column("LEVEL", word("level"), right=True),
    Column("CODE", word("code")),
    Column("ACTOR", word("actor")),
    Column("AGE", age("age_s"), right=True),
    Column("ENDS", word("ends")),
    Column("TEXT", word("text")),
    Column("STILL_HOLDS", holds),
)

INTENTS: Final = (
    Column("ID", word("id")),
    Column("INSTANCE", word("instance")),
    Column("ACTION", word("action")),
    Column("STATE", word("state")),
    Column("AGE", age("age_s"), right=True),
    Column("ROUND", word("round"), right=True),
    Column("NEXT", word("next")),
)

DIFFERENCES: Final = (
    Column("CLASS", word("class")),
    Column("SYMBOL", word("symbol")),
    Column("OURS", word("ours")),
    Column("THEIRS", word("theirs")),
    Column("VALUE", word("value"), right=True),
    Column("PLAN", word("plan")),
    Column("ACCOUNT", word("account"), wide=True),
)

RECONCILIATIONS: Final = (
    Column("RUN", word("run"), right=True),
    Column("TIME", word("time")),
    Column("ACCOUNT", word("account")),
    Column("TRIGGER", word("trigger")),
    Column("RESULT", word("result")),
    Column("MS", word("duration_ms"), right=True),
    Column("DIFFERENCES", word("differences")),
    Column("KINDS", word("kinds"), wide=True),
)

LIFECYCLE: Final = (
    Column("NAME", word("name")),
    Column("STATE", word("state")),
    Column("STEP", word("capital_step")),
    Column("REASON", note),
    Column("POSITION", position),
    Column("STOP@VENUE", stop_at_venue),
)

PANIC: Final = (
    Column("ACCOUNT", word("account")),
    Column("SYMBOL", word("symbol")),
    Column("BEFORE", number("before"), right=True),
    Column("CLOSED", number("closed"), right=True),
    Column("AVG_PRICE", number("avg_price"), right=True),
    Column("SLIPPAGE_BPS", number("slippage_bps", 1), right=True),
    Column("REMAINING", number("remaining"), right=True),
    Column("STOP@VENUE", number("stop"), right=True),
)

CHECKS: Final = (
    Column("CHECK", word("name")),
    Column("OK", word("ok")),
    Column("AGE", age("age_s"), right=True),
    Column("REASON", word("reason")),
)

PNL: Final = (
    Column("KEY", word("key")),
    Column("REALISED", number("realised", 2, signed=True), right=True),
    Column("UNREALISED", number("unrealised", 2, signed=True), right=True),
    Column("FEES", number("fees", 2), right=True),
    Column("FUNDING", number("funding", 2), right=True),
    Column("NET", number("net", 2, signed=True), right=True),
    Column("TRADES", word("trades"), right=True),
    Column("WINS", word("wins"), right=True),
    Column("DD", number("drawdown", 2), right=True),
)

STEPS: Final = (
    Column("TIME", word("time")),
    Column("MS", word("ms"), right=True),
    Column("STEP", word("step")),
    Column("WHAT", word("what")),
)

PIPELINE: Final = (
    Column("N", word("n"), right=True),
    Column("GATE", word("gate")),
    Column("REFUSES", lambda row: " ".join(row["codes"])),
    Column("BOUNDS", lambda row: _bounds(row["bounds"])),
    Column("ORIGINS", lambda row: _bounds(row["origins"]), wide=True),
)


def _bounds(bounds: Mapping[str, str] | None) -> str:
    if bounds is None:
        return "account is not open"
    return ", ".join(f"{name} {value}" for name, value in bounds.items()) or "-"


SETTINGS: Final = (
    Column("KEY", word("key")),
    Column("VALUE", word("value")),
    Column("ORIGIN", word("origin")),
)

VERDICTS: Final = (
    Column("TIME", word("time")),
    Column("VERDICT", word("verdict")),
    Column("DETAIL", word("detail")),
)
