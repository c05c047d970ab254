"""
The reference of the language as one page, `daemon/play-reference.md`: what a Play may hold, made from the tables that the
checker reads and from the catalogs of the kernels.

`page` puts it together, `rows` writes its tables. `language`, `sections`, `conditions`, `money` and `prose` are what no table
says, `worked_play` is the example at its top; `*_words` say what an indicator, a detector, a market, a finding, a verdict is.
"""
