"""
Matching (play-language 10): what a simulated market does with orders and a position, as compiled pure functions.

Backtest, shadow and the local exchange call these same functions, which is why a replay over the wire gives the backtest's
trades. Imports only `core`; imported by `engine` and everything outside it. No I/O, no clock, no logging.

    records.py   TERMS, BOOK, FILL: the flat records and the codes inside them
    prices.py    fill prices: market, stop, target, limit
    money.py     fees, order cost, margin, liquidation, funding, realised profit
    book.py      the few ways in which a book changes: orders in, levels moved, position opened and reduced
    depth.py     what there is to take at which price, for an exchange that has a depth
    minute.py    one minute, steps 2 to 6 of play-language 3.5
"""
