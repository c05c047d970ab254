"""The map of the order path names every file of it, once."""

import re

from tests.tidy.source import DAEMON

PACKAGE = DAEMON / "playd" / "orders"
ROWS = re.findall(r"(?m)^\* `([\w/]+\.py)`: \S", (DAEMON / "order-path.md").read_text())


def test_every_file_of_the_order_path_stands_on_the_map_once() -> None:
    files = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    assert sorted(ROWS) == sorted(files)
