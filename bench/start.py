"""
Start to READY in paper mode: two example Plays on the embedded exchange, fresh state directory.

    python bench/start.py

Timed: the whole process, from before `exec` to its line `daemon.ready`, which it writes once accounts are reconciled and
instances are warm. Not timed: the first two starts, which compile kernels and byte code into their caches.
"""

from _daemon import daemon
from _figures import tell

RUNS = 7
UNTIMED = 2


def main() -> None:
    taken_s = []
    for _ in range(UNTIMED + RUNS):
        with daemon() as child:
            taken_s.append(child.ready_s)
    tell("start to READY, two paper instances", taken_s[UNTIMED:], "s", limit=3.0)


if __name__ == "__main__":
    main()
