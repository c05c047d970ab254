"""
Candles on their way in: from files, from a seeded generator, from a venue's public stream.

Sources (`feed`, `candle_file`, `synthetic`, `source`) know whole series; the hub shares one live stream between instances,
repairs its gaps and judges its age. No venue is known here: one is handed in as a source.
What it may import is held by `tests/tidy/test_arrows.py`.
"""
