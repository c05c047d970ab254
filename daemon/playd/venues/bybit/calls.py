"""
What each endpoint is called and whether it is signed, as pybit describes it.

pybit's endpoint methods end in `_submit_request(method, path, query, auth)`. Here that returns the description instead of
sending it, so that our own client signs, paces and carries it. pybit's constructor is never run: it would make a session,
attach log handlers and keep the secret.
"""

from dataclasses import dataclass
from typing import Any, Final

from pybit.unified_trading import HTTP

Query = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Call:
    """One request before signing. `path` is also its name in the rate budget."""

    method: str
    path: str
    query: Query
    signed: bool

    @property
    def symbol(self) -> str:
        """The symbol it is about; empty for what is about the whole account or market."""
        return str(self.query.get("symbol", ""))

    def asking(self, query: dict[str, Any]) -> "Call":
        """The same request for what `query` says; a key without a value is left out."""
        return Call(self.method, self.path, {key: value for key, value in query.items() if value is not None}, self.signed)

    def with_cursor(self, cursor: str) -> "Call":
        """The same request for the page behind `cursor`."""
        return Call(self.method, self.path, {**self.query, "cursor": cursor}, self.signed)


class BybitCalls(HTTP):  # type: ignore[misc]  # pybit carries no types
    """pybit's endpoint methods; each returns a `Call` and sends nothing."""

    def __init__(self) -> None:
        self.endpoint = ""

    def __repr__(self) -> str:
        return "BybitCalls()"

    def _submit_request(
        self, method: str | None = None, path: str | None = None, query: dict[str, Any] | None = None, auth: bool = False
    ) -> Call:
        if method is None or path is None:
            raise TypeError("pybit described a request without method or path")
        return Call(method, path, {}, auth).asking(query or {})


CALLS: Final = BybitCalls()

PLACE_ORDER: Final = CALLS.place_order()
"""An order without its fields, described once: an order on its way to the wire has no time for how its path is spelt."""
