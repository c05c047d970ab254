"""
Values and laws: time, units, candles, orders, identities, errors, limits.

Imports nothing of ours. Everything else may import it. No I/O, no clock, no logging, no async.
"""
