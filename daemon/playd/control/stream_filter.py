"""Which messages a subscriber wants: the same keys for every topic, each with what that topic calls it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from playd.control.log_lines import LEVELS
from playd.control.params import StreamFilter
from playd.control.protocol import Code, RpcError
from playd.ops.events import EVENTS
from playd.ops.kinds import KINDS
from playd.supervisor.names import nearest
from playd.supervisor.states import State

_KIND: Final = {"status": "to", "events": "kind", "logs": "event", "fills": "event", "verdicts": "verdict"}
"""Which field of a topic's messages `kind` is about."""

_WORDS: Final[Mapping[str, Collection[str]]] = {
    "status": [str(state) for state in State],
    "events": KINDS,
    "logs": EVENTS,
    "fills": [event for event in EVENTS if event.startswith("fill.")],
}
"""What `kind` can be; verdicts are left out, because every gate has words of its own."""

_ONLY: Final = {"level": "logs", "severity": "events"}
"""Keys that one topic alone has; messages of others pass them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    The messages of some topics that pass a filter. `names` are what the instance is called, in records of the journal by its
    uid; empty for all.
    """

    names: tuple[str, ...] = ()
    account: str | None = None
    symbol: str | None = None
    level: str | None = None
    severity: str | None = None
    kind: str | None = None

    def __call__(self, topic: str, message: Mapping[str, Any]) -> bool:
        return (
            (not self.names or message.get("instance") in self.names)
            and self.account in (None, message.get("account"))
            and self.symbol in (None, message.get("symbol"))
            and (self.kind is None or fnmatchcase(str(message.get(_KIND[topic], "")), self.kind))
            and (topic != "logs" or self.level is None or LEVELS.get(str(message.get("level")), 0) >= LEVELS[self.level])
            and (topic != "events" or self.severity in (None, message["data"].get("severity")))
        )


def wanted_of(given: StreamFilter, topics: Collection[str], names: tuple[str, ...]) -> Wanted:
    """The filter of a subscription. Raises `RpcError` for a key that no topic of it has, and for a kind that never comes."""
    for key, topic in _ONLY.items():
        if getattr(given, key) is not None and topic not in topics:
            text = f"filter.{key}: found it for {', '.join(sorted(topics))}, expected topic {topic}, which alone has it"
            raise RpcError(Code.INVALID_PARAMS, text)
    if given.kind is not None and "verdicts" not in topics:
        _refuse_unknown(given.kind, sorted({word for topic in topics for word in _WORDS[topic]}))
    return Wanted(names, given.account, given.symbol, given.level, given.severity, given.kind)


def _refuse_unknown(kind: str, words: Collection[str]) -> None:
    """Whoever waits for what never comes takes it for silence."""
    if any(fnmatchcase(word, kind) for word in words):
        return
    near = nearest(kind, [*words, *sorted({f"{word.partition('.')[0]}.*" for word in words if "." in word})])
    known = f"did you mean {near!r}?" if near else f"there are: {', '.join(words)}"
    raise RpcError(Code.INVALID_PARAMS, f"filter.kind: found {kind!r}, which nothing is ever called; {known}")
