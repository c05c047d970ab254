"""Records of the journal that whoever follows the log must see: incidents and halts, as they are recorded."""

from collections.abc import Mapping
from typing import Any, Final

import structlog

from playd.core.canonical import Json
from playd.orders.halts import Level

TOLD: Final = ("incident.", "halt.")
"""How the kinds begin that may have a line."""

_OPENED: Final = ("incident.open", "incident.reopen")
_ENDED: Final = ("incident.resolve", "halt.lifted")
_log = structlog.get_logger()


def tell_record(kind: str, record: Mapping[str, Json], names: Mapping[str, str]) -> None:
    """
    The log line of a record, nothing for other kinds. `names` are those of instances by uid.

    An incident is `critical` or a `warning` as it says itself. A pause comes and goes by itself and is `info`, a level above it
    is a `warning`: where nobody asked for it an incident follows.
    """
    data: Any = record["data"]
    if kind not in (*_OPENED, *_ENDED, "halt.raised"):
        return
    text = data.get("text") or data.get("note") or ""
    fields = {"msg": text, "seq": record["seq"], "reason": data.get("kind") or data.get("code"), **_scope(data["scope"], names)}
    if kind in _OPENED:
        tell = _log.critical if data["severity"] == "critical" else _log.warning
        tell(kind, incident=_name(data), **fields)
    elif kind == "halt.raised":
        tell = _log.warning if data["level"] >= Level.HALT else _log.info
        tell(kind, value=data["level"], unit="level", **fields)
    elif kind.startswith("incident."):
        _log.info(kind, incident=_name(data), **fields)
    else:
        _log.info(kind, **fields)


def _name(data: Mapping[str, Any]) -> Any:
    return data.get("name") or data.get("incident")


def _scope(scope: str, names: Mapping[str, str]) -> dict[str, str]:
    """Whom a scope is about, under the names that filters of the log know."""
    kind, _, target = scope.partition(":")
    if kind == "instance":
        return {"instance": names.get(target, target)}
    account, _, symbol = target.partition("/")
    found = {"account": account, "symbol": symbol}
    return {"scope": scope} | {name: value for name, value in found.items() if value}
