"""
The local exchange: a server on a loopback address that speaks Bybit V5 and trades against candles.

The core is pure: requests and candles in, changes and frames out, the same for the same input. Fills, fees, margin and
liquidation come from `playd.matching`, the same functions as in a backtest. From the outside in:

    app, *_session, desk, rest_*      the wire, and where a request takes effect (`wishes` reads it)
    market_clock, floor               when a minute happens; what is kept before it is told (`records`)
    arrivals, amends, trading_stop, modes   what users ask
    minute, triggers, path            what the market does
    trades, liquidity, matched        an order meets the market
    fills, settlement, protection     what a fill does to order, position, wallet, and to the stops of the position
    funding, liquidation, margin      money
    books, model                      the state
"""
