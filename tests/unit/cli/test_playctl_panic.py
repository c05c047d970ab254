"""A panic that is typed plainly is read without the parser of command lines, and means what the parser would make of it."""

import shlex
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from playd.cli import options as parsed
from playd.cli.playctl_app import app
from playd.cli.playctl_panic import hurried
from playd.cli.session import Options

PLAIN = (
    "panic all",
    "panic ema-cross --reason 'it burns'",
    "panic --yes account:main --reason=why --json",
    "panic symbol:main/BTCUSDT -q --confirm 'PANIC symbol:main/BTCUSDT' --request-id r1",
    "panic all --direct --quiet --socket /run/x.sock --reason=",
)
NOT_PLAIN = (
    "status",
    "panic",
    "panic --help",
    "panic all another",
    "panic all --timeout 5",
    "panic all -o json",
    "panic all --reason --yes",
    "panic all --reason",
    "panic all --json=1",
    "panic all --resaon why",
    "panic -- all",
)


@pytest.mark.parametrize("line", PLAIN)
def test_both_readings_of_a_plain_panic_are_one(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Options, dict[str, Any]]] = []

    def execute(body: Callable[[Any], Awaitable[int]], options: Options) -> int:
        command: Any = body(None)
        seen.append((options, {name: command.cr_frame.f_locals[name] for name in ("scope", "confirm", "direct")}))
        command.close()
        return 0

    monkeypatch.setattr(parsed, "execute", execute)
    words = shlex.split(line)
    done = CliRunner().invoke(app, words)
    found = hurried(words)
    assert done.exit_code == 0, done.output
    assert found is not None
    assert seen == [(found.options, {"scope": found.scope, "confirm": found.confirm, "direct": found.direct})]


@pytest.mark.parametrize("line", NOT_PLAIN)
def test_every_other_line_is_the_parsers(line: str) -> None:
    assert hurried(shlex.split(line)) is None
