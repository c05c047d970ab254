"""The settings of `daemon/exchange-clients.md`, as a reader of that page would use them."""

import json
import re
from typing import Any

from tests.tidy.source import ROOT

PAGE = ROOT / "daemon" / "exchange-clients.md"


def python_of(heading: str, *, rest_url: str, key: str, secret: str) -> dict[str, Any]:
    """Run the Python block under a heading of the page; the names that it leaves."""
    names: dict[str, Any] = {"REST_URL": rest_url, "WS_URL": _sockets(rest_url), "KEY": key, "SECRET": secret}
    exec(compile(_block(heading, "python"), str(PAGE), "exec"), names)
    return names


def json_of(heading: str, *, rest_url: str, key: str, secret: str) -> dict[str, Any]:
    """The JSON block under a heading of the page with everything filled in."""
    text = _block(heading, "json")
    for name, value in (("REST_URL", rest_url), ("WS_URL", _sockets(rest_url)), ("KEY", key), ("SECRET", secret)):
        text = text.replace(name, value)
    found: dict[str, Any] = json.loads(text)
    return found


def _sockets(rest_url: str) -> str:
    return rest_url.replace("http://", "ws://")


def _block(heading: str, language: str) -> str:
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found is not None, f"{PAGE.name} has no {language} block under {heading}"
    return found.group(1)
