"""An alert as a person reads it."""

from datetime import UTC, datetime
from typing import Any


def text_of(message: dict[str, Any]) -> str:
    """An alert as a person reads it: plain text, the gravest first, the first command last."""
    word = {"open": "", "reopen": "AGAIN ", "repeat": "STILL OPEN ", "resolved": "OVER ", "test": "TEST "}[message["event"]]
    head = f"{word}{message['severity'].upper()} {message['kind']} on {message['scope']} ({message['daemon']})"
    lines = [head, str(message["detail"])]
    if message.get("meaning"):
        since = datetime.fromtimestamp(message["opened_ms"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        lines.insert(1, f"{message['meaning']}; since {since}, seen {message['count']} times, {message['incident']}")
        lines.append(f"runbook: runbooks/{message['runbook']}")
    return "\n".join([*lines, f"first: {message['command']}"])
