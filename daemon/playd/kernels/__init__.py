"""
Compiled recurrences over columns: `indicators/`, `operators/`, and the transforms between clocks, with their catalog.

May import `core` only. May be imported by everyone further out. No I/O, no clock, no logging, no async.

The one calling convention (see `compiled.py`) lets the same machine code run over a whole history, over blocks of it, or over
the one bar that has just closed, with the same bits as the result.
"""
