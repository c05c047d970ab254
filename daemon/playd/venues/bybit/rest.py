"""
The REST client: one request at a time through budget, clock, signature and network, back as a classified answer.

The order matters: first the token, then the connection, the time stamp, the signature, and at once the bytes. A time-out or
a broken connection raises `LinkError`; whatever the venue said comes back as an `Answer`, whose text holds no key.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import anyio
import orjson
from yarl import URL

from playd.core.errors import Doubtful, LinkError, Refused, Throttled, VenueError
from playd.core.reply_codes import ReplyClass, classify, classify_http
from playd.core.secret import redact
from playd.venues.bybit.calls import PLACE_ORDER, Call, Query
from playd.venues.bybit.environment import VenueAccount
from playd.venues.bybit.numbers import LARGEST, Row, objects
from playd.venues.bybit.post import Poster, RawReply, whole
from playd.venues.bybit.signing import Signer, rest_headers, signer_for
from playd.venues.bybit.venue_clock import VenueClock
from playd.venues.pages import note
from playd.venues.port import Budget, Priority

WRITE_DEADLINE_S: Final = 5.0
READ_DEADLINE_S: Final = 10.0
PAGES_MAX: Final = 1000
"""A hundred times as many as a busy week of executions has."""

MAX_TEXT: Final = 300
BAN_S: Final = 600.0
MAX_RESET_WAIT_S: Final = 5.0
DEFAULT_RESET_WAIT_S: Final = 1.0
"""Wait after "too many visits" without a reset header: the venue's window is one second."""


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A reply of the venue. `code` is None when the HTTP status decided; `time_ms` is the venue's wall clock (0 if not stated).

    `result` is the parsed `result` object, empty when there was none. `text` is redacted and short.
    """

    reply_class: ReplyClass
    code: int | None
    text: str
    result: Row
    time_ms: int
    retry_after_s: float = 0.0
    took_s: float = 0.0
    """From the moment the request left to the end of its reply."""
    raw: bytes = field(default=b"", repr=False)
    """The reply's body as it came."""

    @property
    def written(self) -> list[Row]:
        """The objects of `result.list` as far as it holds any, for whoever keeps what the venue wrote."""
        found = self.result.get("list")
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    @property
    def listed(self) -> list[Any]:
        """What `result.list` holds, nothing where there is none. Raises `Doubtful` when it is no list."""
        found = self.result.get("list") or []
        if not isinstance(found, list):
            raise Doubtful(f"a list was expected, {str(found)[:100]!r} came")
        return found

    @property
    def rows(self) -> list[Row]:
        """The objects of `result.list`. Raises `Doubtful` for anything else."""
        return objects(self.listed)


class RestClient:
    """
    Carries calls to one REST host, signed for one account (or for none: public calls only).

    The session belongs to whoever opened it. Safe for concurrent use by many tasks of one loop.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        budget: Budget,
        venue_clock: VenueClock,
        account: VenueAccount | None = None,
        write_deadline_s: float | None = None,
    ) -> None:
        self._write_deadline_s = write_deadline_s
        self._session = session
        self._poster = Poster(session, venue_clock.mono_s)
        self._base_url = base_url
        self._budget = budget
        self._clock = venue_clock
        self._account = account
        self._signer: Signer | None = signer_for(account) if account else None
        self._heard = False

    def use_key(self, account: VenueAccount) -> None:
        """Sign with another key from the next request on; one that is on its way keeps the one it was signed with."""
        self._signer = signer_for(account)
        self._account = account

    async def write(self, call: Call, *, priority: Priority, has_token: bool = False) -> Answer:
        """
        Send a request that changes something. Never repeated, except once when the venue refused our time stamp: then
        nothing has happened, and the same body (same link id) goes out again under a new stamp.

        `has_token` says that the caller took the token already, and that he alone waits for another one: without a free token
        the refusal of the time stamp is the answer. Raises `LinkError` when no answer came.
        """
        if not has_token:
            await self._budget.take(call.path, priority, owner=call.symbol)
        return await self._send_restamped(call, self._write_deadline_s or WRITE_DEADLINE_S, priority, has_token=has_token)

    async def read(self, call: Call, *, priority: Priority) -> Answer:
        """Send a query and insist on success. Raises `Refused`, `Throttled`, `Doubtful` or `LinkError`."""
        await self._budget.take(call.path, priority, owner=call.symbol)
        asked_ms = self._clock.ours_ms()
        try:
            answer = await self._send_restamped(call, READ_DEADLINE_S, priority)
            raise_unless_accepted(call, answer)
        except (VenueError, LinkError) as error:
            note(call.path, asked_ms, self._clock.ours_ms(), failure=str(error))
            raise
        note(call.path, asked_ms, self._clock.ours_ms(), content=answer.written)
        return answer

    async def read_pages(self, call: Call, *, priority: Priority) -> list[Row]:
        """All rows of a paged list, in the venue's order. Each page takes a token of its own. Raises as `read` does."""
        rows: list[Row] = []
        page, seen = call, set[str]()
        while True:
            answer = await self.read(page, priority=priority)
            found = answer.rows
            rows.extend(found)
            cursor = answer.result.get("nextPageCursor") or ""
            if not cursor or not found:
                return rows
            if cursor in seen:
                raise Doubtful(f"{call.path}: page {len(seen) + 1} points back to an earlier one, the list has no end")
            if len(seen) == PAGES_MAX:
                raise Doubtful(f"{call.path}: more than {PAGES_MAX} pages, the list has no end")
            seen.add(cursor)
            page = call.with_cursor(str(cursor))

    async def read_plain(self, path: str) -> Row:
        """An unsigned request of the local exchange's own, outside Bybit's envelope and rate limits. Raises as `read` does."""
        call = Call("GET", path, {}, signed=False)
        # aiohttp takes that for a mistake of the program; it is an account whose connections have ended.
        if self._session.closed:
            raise LinkError(f"GET {path}: the session is closed")
        try:
            with anyio.fail_after(READ_DEADLINE_S):
                async with self._session.get(f"{self._base_url}{path}") as response:
                    body = _envelope(await whole(response.content))
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._link_error(call, READ_DEADLINE_S, error) from None
        if not body or response.status != 200:
            raise Doubtful(f"GET {path}: HTTP {response.status} without a JSON object")
        return body

    async def _send_restamped(self, call: Call, deadline_s: float, priority: Priority, *, has_token: bool = False) -> Answer:
        answer = await self._send(call, deadline_s)
        if answer.reply_class is not ReplyClass.CLOCK or not call.signed or not answer.time_ms:
            return answer
        self._clock.heard(answer.time_ms)
        if not has_token:
            await self._budget.take(call.path, priority, owner=call.symbol)
        elif not self._budget.take_now(call.path, priority):
            return answer  # how long an order may wait, and whether it is still wanted then, is the caller's to say
        return await self._send(call, deadline_s)

    async def _send(self, call: Call, deadline_s: float) -> Answer:
        if call.signed and self._account is None:
            raise Refused(f"{call.path} needs a key and this client has none")
        try:
            replied = await (self._get if call.method == "GET" else self._post)(call, deadline_s)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._link_error(call, deadline_s, error) from None
        return replace(self._answer(call, replied), raw=replied.body)

    async def _get(self, call: Call, deadline_s: float) -> RawReply:
        query = _raw_query(call.query)
        url = _url(f"{self._base_url}{call.path}?{query}" if query else f"{self._base_url}{call.path}")
        return await self._poster.get(url, lambda: self._headers(call, query.encode()), deadline_s)

    async def _post(self, call: Call, deadline_s: float) -> RawReply:
        body = orjson.dumps(call.query)
        url = _url(self._base_url + call.path)
        orders = call.path == PLACE_ORDER.path
        return await self._poster.post(url, lambda: self._headers(call, body), body, deadline_s, heard_out=orders)

    def _headers(self, call: Call, payload: bytes) -> dict[str, str]:
        if not call.signed or self._account is None or self._signer is None:
            return {}
        return rest_headers(self._account, self._signer, self._clock.venue_ms(), payload)

    def _link_error(self, call: Call, deadline_s: float, error: Exception) -> LinkError:
        if isinstance(error, TimeoutError):
            return LinkError(f"{call.method} {call.path}: no answer within {deadline_s:g} s")
        return LinkError(f"{call.method} {call.path}: {self._redacted(str(error) or type(error).__name__)}")

    def _answer(self, call: Call, replied: RawReply) -> Answer:
        status, headers, raw = replied.status, replied.headers, replied.body
        if status == 403:
            return self._forbidden(raw)
        self._heard = True
        envelope = _envelope(raw)
        code = _number(envelope.get("retCode"))
        time_ms = _number(envelope.get("time")) or 0
        text = self._redacted(str(envelope.get("retMsg") or ""))
        reset_ms = _number(headers.get("X-Bapi-Limit-Reset-Timestamp"))
        self._budget.learn(
            call.path,
            limit=_number(headers.get("X-Bapi-Limit")),
            left=_number(headers.get("X-Bapi-Limit-Status")),
            reset_ms=None if reset_ms is None else self._clock.to_ours_ms(reset_ms),
            code=code,
        )
        by_status = classify_http(status)
        if by_status is not None or code is None:
            reason = text or _first_words(raw)
            return Answer(by_status or ReplyClass.DOUBT, code, f"HTTP {status} {self._redacted(reason)}".strip(), {}, time_ms)
        result = envelope.get("result")
        reply_class = classify(code)
        if reply_class is ReplyClass.BAN:  # the older form of HTTP 403
            self._budget.banned()
            return Answer(reply_class, code, text, {}, time_ms, BAN_S)
        wait_s = self._reset_wait_s(reset_ms) if reply_class is ReplyClass.LATER else 0.0
        found = result if isinstance(result, dict) else {}
        return Answer(reply_class, code, text, found, time_ms, wait_s, replied.took_s)

    def _forbidden(self, raw: bytes) -> Answer:
        """
        HTTP 403 is a ban of our address for sending too much, or a refusal of the place it is in.

        The first reply ever being 403 means the place, unless the text says otherwise.
        """
        reason = _first_words(raw)
        words = reason.lower()
        too_much = "frequent" in words
        place = any(word in words for word in ("country", "region", "restricted"))
        text = f"HTTP 403 {self._redacted(reason)}".strip()
        if not too_much and (place or not self._heard):
            return Answer(ReplyClass.AUTH, None, f"{text} (refused for where this address is)", {}, 0)
        self._budget.banned()
        return Answer(ReplyClass.BAN, None, text, {}, 0, BAN_S)

    def _reset_wait_s(self, reset_ms: int | None) -> float:
        if reset_ms is None:
            return DEFAULT_RESET_WAIT_S
        return min(max((reset_ms - self._clock.venue_ms()) / 1000, 0.0), MAX_RESET_WAIT_S)

    def _redacted(self, text: str) -> str:
        if self._account is not None:
            text = self._account.secret.scrub(self._account.api_key.scrub(text))
        return redact(text)[:MAX_TEXT]


@lru_cache(maxsize=64)
def _url(text: str) -> URL:
    return URL(text, encoded=True)


def raise_unless_accepted(call: Call, answer: Answer) -> None:
    """Turn an answer that is no success into the error a reader deals with."""
    text = f"{call.path}: {answer.text} ({answer.reply_class}, code {answer.code})"
    match answer.reply_class:
        case ReplyClass.ACCEPTED:
            return
        case ReplyClass.LATER | ReplyClass.BAN:
            raise Throttled(text, code=answer.code, retry_after_s=answer.retry_after_s)
        case ReplyClass.DOUBT | ReplyClass.CLOCK:  # a stamp that is refused twice in a row says nothing of key or question
            raise Doubtful(text, code=answer.code)
        case _:
            raise Refused(text, code=answer.code)


def _raw_query(query: Query) -> str:
    """The query string as it travels and is signed. Cursors come percent-encoded from the venue and go back unchanged."""
    return "&".join(f"{name}={value if name == 'cursor' else _escaped(value)}" for name, value in query.items())


def _escaped(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else quote(str(value), safe=",:")


def _envelope(raw: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _number(value: object) -> int | None:
    """A whole number of the venue's; None for anything else, and for one that nothing is counted or dated by."""
    try:
        number = int(str(value))
    except ValueError:
        return None
    return number if -LARGEST <= number <= LARGEST else None


def _first_words(raw: bytes) -> str:
    return " ".join(raw[:MAX_TEXT].decode(errors="replace").split())
