"""
Bounds that are not settings. Every queue, retry, batch, line and wait has a number here, with its arithmetic beside it.
"""

from typing import Final

BARS_KEPT: Final = 256
"""Newest closed bars of a symbol, for all who read it: four hours of minutes. Whoever is further behind fetches, late."""

BARS_HELD: Final = 64
"""Bars of a symbol kept behind a gap while it is being filled: an hour. What comes behind them is fetched with the gap."""

FILLS_PER_INSTANCE: Final = 1024
"""Fills waiting for one instance. Never dropped: overflow restarts the instance, which rebuilds itself from the ledger."""

REQUEST_LINE_BYTES: Final = 256 * 1024
"""Longest line a control client may send; the longest legitimate one (a Play check) is below 100 KiB."""

REPLY_LINE_BYTES: Final = 4 * 1024 * 1024
"""Longest line the control server sends; longer lists page."""

CONTROL_CLIENTS: Final = 64
CONTROL_REQUESTS_PER_S: Final = 50
CONTROL_WRITE_TIMEOUT_S: Final = 5.0
CONTROL_IDLE_S: Final = 300.0

PLAY_FILE_BYTES: Final = 64 * 1024
"""Largest Play file that is read; the largest real one is below 50 KiB. What one of its bars costs all others grows with it."""

PLAY_CONDITIONS: Final = 5_000
"""Conditions of all rules of one Play with their setups written out, which are 30 ms of trees. A real rule has some hundred."""

PLAY_PARTS: Final = 400
"""Parts of one `all` or `any`, places that emit one action: machine code is made once for each such number, in 7 s for 400."""

PLAY_CASES: Final = 100
"""Cases of one block: each is held against all earlier ones, so that code is made for every number up to it, 45 s for 100."""

PLAY_RULE_DEPTH: Final = 100
"""Levels of one rule with its setups written out: four calls a level stay below half of Python's thousand."""

PLAY_SETUPS: Final = 300
"""Setups of one Play; cycles are looked for along them, one call each."""

JOURNAL_QUEUE: Final = 10_000
JOURNAL_RECORD_BYTES: Final = 16 * 1024

STATE_BYTES: Final = 256 * 1024
"""Largest instance state; a real one is about 4 KiB."""

KEPT_BASE_BARS: Final = 3 * 24 * 60
"""Base bars whose columns a running instance keeps for explanations: three days of minutes, 34 KiB a column; ten instances of
thirty columns stay 10 MiB."""

KEPT_LEAST_BARS: Final = 1024
"""Bars that it keeps of every clock at least: twice what one answer lists, six weeks of hours, 8 KiB a column."""

KEPT_TRADES: Final = 1024
"""Trade records that a running engine keeps, 1 KiB each; the ledger has all executions."""

GUARDIAN_PLAN_BYTES: Final = 1024 * 1024
"""Largest plan of the guardian; one position takes about 400 bytes."""

KLINES_PER_REQUEST: Final = 1000
"""The venue's own maximum."""

STREAM_BEHIND_DROP: Final = 1024
"""Messages a subscriber may be behind before newer ones are dropped and counted."""

STREAM_BEHIND_CLOSE: Final = 8192
"""Messages a subscriber may miss in a row before its subscription is closed."""

SUBSCRIPTIONS_PER_CLIENT: Final = 16
"""Subscriptions of one control connection; a full-screen view needs four."""
