"""
The one seam between playd and the machine: clock, disk, network, randomness, environment, process.

`ports.py` says what the rest may ask for, `real/` asks the operating system, `virtual/` answers from memory with a clock
that is moved by hand and faults on demand. Only this package may touch `time`, files, sockets, randomness, signals and
`os.environ`; everybody else receives a `World` (or one port of it) as an argument.
What it may import is held by `tests/tidy/test_arrows.py`.
"""
