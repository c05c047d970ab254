"""Every kind of fault: where it hits, and what it takes."""

from dataclasses import dataclass
from typing import Final

from playd.plays.reader import Key, Table
from playd.venues.exchange.faults.model import Seam
from playd.venues.exchange.words import INSTRUMENT_STATUSES

ACT: Final = frozenset({Seam.MOMENT})
"""What is done once its time has come. With a path it is done after such a request, with a topic when such a frame leaves."""

_REQUEST: Final = frozenset({Seam.REQUEST})
_FRAME: Final = frozenset({Seam.FRAME})
_AUTHENTICATION: Final = frozenset({Seam.REQUEST, Seam.OPERATION})


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind. A `lasting` one hits without end unless the script says how often, and is noted in the ledger once.

    Of operations of sockets, of frames, and of what the market does, it hits only `operations` (`confirm` is a closed candle);
    empty means all. `topic` is the pattern that it has unless the script gives another.
    """

    name: str
    meaning: str
    seams: frozenset[Seam]
    params: tuple[Key, ...] = ()
    lasting: bool = False
    topic: str = ""
    operations: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        return Table(self.params)


def _seconds(name: str, meaning: str, default: float) -> Key:
    return Key(name, "number", meaning, default=default, low=0.0, high=3600.0, unit="s")


_SILENT: Final = _seconds("silent_s", "how long nothing is said before the connection is cut", 0.0)

REQUEST_KINDS: Final = (
    Kind("delay", "a request waits before it takes effect", _REQUEST, (_seconds("delay_s", "how long", 1.0),)),
    Kind("drop_request", "a request never takes effect and is not answered", _REQUEST, (_SILENT,)),
    Kind("drop_reply", "a request takes effect, its reply is lost", _REQUEST, (_SILENT,)),
    Kind(
        "delay_reply",
        "a request takes effect, its reply comes later: behind the private frames about it",
        _REQUEST,
        (_seconds("delay_s", "how long", 1.0),),
    ),
    Kind(
        "duplicate",
        "a request arrives twice",
        _REQUEST,
        (Key("reply", "word", "which of the two replies is sent", default="first", words=("first", "second")),),
    ),
    Kind(
        "answer",
        "a request is answered with a code of the venue, or with a status of HTTP",
        _REQUEST,
        (
            Key("code", "int", "retCode; 0 for a status instead", default=0, low=-1, high=10_000_000),
            Key("http", "int", "status of HTTP; 0 for a code instead", default=0, low=0, high=599),
            Key("text", "text", "what is said with it", default=""),
            Key("effect", "bool", "whether the request takes effect all the same", default=False),
            Key(
                "reset_s",
                "number",
                "with 10006, when it says that places are free again; in the past when below 0",
                default=1.0,
                low=-3600.0,
                high=3600.0,
                unit="s",
            ),
        ),
    ),
    Kind("maintenance", "nothing is served but the announcement", _REQUEST | {Seam.CONNECT}, lasting=True),
    Kind("order_not_found", "an open order is not found, neither by reads nor by those who change it", _REQUEST),
    Kind("forget_closed", "orders that are over are in no list", _REQUEST, lasting=True),
    Kind(
        "late_history",
        "what happened is in no list of orders that are over, executions, profits and money before its time",
        _REQUEST,
        (
            _seconds("delay_s", "how much later, in market seconds", 5.0),
            Key("open", "bool", "whether new orders that are open come late, too", default=False),
        ),
        lasting=True,
    ),
    Kind("refuse_authentication", "the signature is called wrong", _AUTHENTICATION, lasting=True, operations=("auth",)),
    Kind("expire_key", "the key has expired", _AUTHENTICATION, lasting=True, operations=("auth",)),
    Kind(
        "skew_clock",
        "the exchange's clock is wrong",
        frozenset({Seam.CLOCK}),
        (
            Key(
                "by_ms",
                "int",
                "ahead of the time, negative behind it",
                required=True,
                low=-86_400_000,
                high=86_400_000,
                unit="ms",
            ),
        ),
        lasting=True,
    ),
)

_FILLS: Final = "execution*"

SOCKET_KINDS: Final = (
    Kind(
        "cut",
        "sockets are closed",
        ACT,
        (Key("goodbye", "bool", "whether the close is announced, as at a restart of the venue", default=False),),
    ),
    Kind(
        "refuse_connection",
        "no new socket is let in",
        frozenset({Seam.CONNECT}),
        (Key("http", "int", "the status instead", default=503, low=400, high=599),),
        lasting=True,
    ),
    Kind("refuse_subscription", "a subscription is refused", frozenset({Seam.OPERATION}), operations=("subscribe",)),
    Kind(
        "half_open",
        "a socket stays open and is dead: what it is told is lost both ways",
        _FRAME | {Seam.OPERATION},
        lasting=True,
    ),
    Kind("slow", "frames wait before they leave", _FRAME, (_seconds("delay_s", "how long each", 0.1),), lasting=True),
    Kind(
        "late_frames",
        "frames leave later, as they were, and hold up no others",
        _FRAME,
        (_seconds("delay_s", "how much later", 30.0),),
        lasting=True,
    ),
    Kind("drop_frame", "a frame is lost", _FRAME),
    Kind("duplicate_frame", "a frame comes twice", _FRAME),
    Kind("reorder_frames", "a frame comes behind the next one", _FRAME),
    Kind("missed_fill", "a fill is not told", _FRAME, topic=_FILLS),
    Kind("repeated_fill", "a fill is told twice", _FRAME, topic=_FILLS),
)

_CONFIRM: Final = ("confirm",)
_KLINES: Final = "kline.*"
_FACTOR: Final = Key(
    "factor", "number", "what its high and close are multiplied by", default=1.05, low=0.0, high=100.0, above=True
)

MARKET_KINDS: Final = (
    Kind("stale_ticker", "tickers say nothing new", _FRAME, lasting=True, topic="tickers.*"),
    Kind("frozen_time", "frames go on, stamped with the time of the first of them", _FRAME, lasting=True, topic="tickers.*"),
    Kind(
        "wrong_mark",
        "the mark price in tickers is another; the last price is right",
        _FRAME,
        (Key("factor", "number", "what it is multiplied by", default=1.02, low=0.0, high=100.0, above=True),),
        lasting=True,
        topic="tickers.*",
    ),
    Kind("crossed_book", "the best bid lies above the best ask, in tickers and books", _FRAME, lasting=True),
    Kind(
        "wrong_candle",
        "a closed candle is wrong, and told again as it was",
        _FRAME,
        (
            _FACTOR,
            Key("impossible", "bool", "whether its high lies below its low", default=False),
            Key("corrected", "bool", "whether the right one follows", default=True),
        ),
        topic=_KLINES,
        operations=_CONFIRM,
    ),
    Kind("missing_candle", "a closed candle is not told", _FRAME, topic=_KLINES, operations=_CONFIRM),
    Kind(
        "funding_spike",
        "a funding rate is another than announced",
        frozenset({Seam.MARKET}),
        (Key("rate", "number", "the rate; longs pay when it is above 0", default=0.005, low=-0.5, high=0.5),),
        operations=("funding",),
    ),
    Kind(
        "part_fill",
        "orders fill up to a share of them, and no further",
        frozenset({Seam.MARKET}),
        (Key("share", "number", "how much, rounded down to a step", default=0.4, low=0.0, high=1.0),),
        lasting=True,
        operations=("fill",),
    ),
    Kind(
        "change_rules",
        "the rules of an instrument change; 0, or no word, leaves one as it is",
        ACT,
        (
            Key("tick", "number", "prices are multiples of it", default=0.0, low=0.0, high=1e6, unit="USDT"),
            Key("step", "number", "quantities are multiples of it", default=0.0, low=0.0, high=1e9, unit="base coin"),
            Key("min_qty", "number", "smallest order", default=0.0, low=0.0, high=1e9, unit="base coin"),
            Key("max_qty", "number", "largest order", default=0.0, low=0.0, high=1e12, unit="base coin"),
            Key("min_notional_usdt", "number", "least value of an order", default=0.0, low=0.0, high=1e9, unit="USDT"),
            Key("max_leverage", "number", "largest leverage", default=0.0, low=0.0, high=1000.0, unit="×"),
            Key("funding_interval_min", "number", "time between two stamps", default=0.0, low=0.0, high=1440.0, unit="min"),
            Key("status", "word", "whether it trades", default="", words=INSTRUMENT_STATUSES),
        ),
    ),
    Kind(
        "delist",
        "a symbol ends: orders are cancelled, positions settled at the last price, nothing new is taken",
        ACT,
        (Key("notice_min", "number", "market minutes for which it is announced", default=0.0, low=0.0, high=1e6, unit="min"),),
    ),
)

_SHARE: Final = Key("share", "number", "how much of the position", default=1.0, low=0.0, high=1.0, above=True)

ACCOUNT_KINDS: Final = (
    Kind("manual_close", "somebody closes a position by hand", ACT, (_SHARE,)),
    Kind(
        "manual_open",
        "somebody buys or sells by hand",
        ACT,
        (
            Key("side", "word", "side of the order", default="Buy", words=("Buy", "Sell")),
            Key("qty", "text", "quantity in base coin, in quotes", required=True),
        ),
    ),
    Kind(
        "cancel_all",
        "somebody cancels what is open",
        ACT,
        (Key("what", "word", "which orders; stops are those with a trigger", default="all", words=("all", "orders", "stops")),),
    ),
    Kind(
        "remove_stop",
        "the stop of a position is removed: by somebody, or by the venue, which prepares its liquidation",
        ACT,
        (Key("by", "word", "whose word its end has", default="user", words=("user", "venue")),),
    ),
    Kind(
        "change_leverage",
        "somebody changes the leverage",
        ACT,
        (Key("leverage", "number", "the new one", required=True, low=1.0, high=1000.0, unit="×"),),
    ),
    Kind(
        "transfer",
        "somebody puts money in, or takes it out",
        ACT,
        (Key("usdt", "number", "how much; out when below 0", required=True, low=-1e12, high=1e12, unit="USDT"),),
    ),
    Kind(
        "liquidate", "the venue takes a position over at the present price, or sells a share of it before that", ACT, (_SHARE,)
    ),
    Kind("deleverage", "the venue closes a profitable position for a bankrupt one on the other side", ACT, (_SHARE,)),
)

KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in (*REQUEST_KINDS, *SOCKET_KINDS, *MARKET_KINDS, *ACCOUNT_KINDS)}
