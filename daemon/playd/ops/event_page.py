"""
`runbooks/log-events.md`, written from the catalogue of log events: `python -m playd.ops.event_page FILE`; a golden test holds
the shipped page to it.
"""

import sys
from pathlib import PurePath
from typing import Final

from playd.ops.events import EVENTS
from playd.world.real import real_world

_HEAD: Final = """\
# Log events

Every line of the log has an event of this list; `playctl logs --event 'feed.*'` shows those of one subject, `--level
warning` what somebody should look at today. A line has `ts`, `level`, `event`, mostly `msg` in words, and the fields of its
event as far as they are known: `seq` is the number of the journal's record about the same, `value` has its `unit`,
`took_ms` is a duration. Under a service manager the fields are those of its journal: `journalctl PLAYD_INSTANCE=mine`,
`PLAYD_EVENT=feed.link_down`.

The page says what to do; a line that is `critical` is an incident, and `playctl incident list` is the first command.

| event | level | what happened | fields | page |
|---|---|---|---|---|
"""


def page_text() -> str:
    """The whole page."""
    rows = [
        f"| `{name}` | {_listed(event.levels)} | {event.about} | {_listed(event.fields)} | {_link(event.page)} |\n"
        for name, event in sorted(EVENTS.items())
    ]
    return _HEAD + "".join(rows).replace("|  |", "| |")


def _listed(words: str) -> str:
    return words.replace(" ", ", ")


def _link(page: str) -> str:
    return f"[{page.removesuffix('.md')}]({page})" if page else ""


if __name__ == "__main__":
    real_world().disk.write_replace(PurePath(sys.argv[1]), page_text().encode(), keep_previous=False, mode=0o644)
