"""
The Play language: read a file, check it completely, give it one normal form, compile it to columns.

`load.load_play` turns text into a frozen `model.Play` or refuses it with every finding at once. `compile.compile_program`
turns a Play into a `program.Program`, and `columns.Columns` runs that Program over whole arrays or one bar at a time.

No I/O, no clock, no logging, no async. What it may import is held by `tests/tidy/test_arrows.py`.
"""
