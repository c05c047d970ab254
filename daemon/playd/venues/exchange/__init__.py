"""
The local exchange: a server on a loopback address that speaks Bybit V5 and trades against candles.

`core` is pure: accounts, orders, positions and the minute step, events out. Around it: `records` (what survives a restart),
`market_clock` (when a minute happens), `app` and the `rest_*` and `stream*` files (the wire). Fills, fees, margin and
liquidation come from `playd.matching`, the same functions as in a backtest.
"""
