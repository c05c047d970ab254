"""
The 38 named synthetic markets of the language: pure functions from name, clock, length and seed to one-minute candles.

`path` is what all have in common, one file per family says what its shapes do, `shapes` names them, `candles` makes minutes.
"""
