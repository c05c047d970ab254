"""
Research: what happened to a Play on recorded candles, and what that was worth. Backtests and their metrics.

Imports `core`, `kernels`, `matching`, `plays`, `engine`; imported by `control`, `ops`, `cli`. No I/O of its own: callers hand
in candles and write what they get.
"""
