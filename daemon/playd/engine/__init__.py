"""
Decisions: the pure heart that turns closed bars and fills into orders, the same in every mode.

Imports `core`, `matching`, `plays`, `kernels`. No I/O, no clock, no logging, no async.

    records.py       RULES, STATE, SIGNALS, INTENT, TRADE: the flat records
    rules.py         a Play and an instrument become RULES
    levels.py        stops, targets, liquidation guard (play-language 8.2 to 8.7)
    sizing.py        quantities (8.8)
    exits.py         trailing, break-even, partial exits (8.5, 8.6, 9.2)
    decide.py        one decision (3.5 steps 8 and 9, 7)
    account.py       fills and funding change STATE and write TRADE records (10.8, 10.10)
    trades.py        trade records as values
    readings.py      columns as they stood at a time
    clauses.py       which clauses of a rule made it true, which stopped it (4.12); patterns.py: at many closes at once
    notes.py         rule, clauses and metadata of the decisions behind a trade (4.11, 10.10)
    explain.py       one close: every node with truth, operands, and why it is unknown
    verdicts.py      verdicts in words, and the clause behind a bar without a signal
    statistics.py    how often each verdict was, and each clause in the way
    play_engine.py   PlayEngine: columns, decisions and account of one instance
    shadow.py        a venue in memory: orders go nowhere, fills come from matching
"""
