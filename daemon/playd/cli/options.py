"""
Options that every `playctl` command has, said once.

A command is an async function of a `Session` and its own parameters; `add` gives it the common options.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Concatenate, Final, ParamSpec, cast

import typer

from playd.cli.session import Options, Session, execute
from playd.control.render import Output

P = ParamSpec("P")

Command = Callable[Concatenate[Session, P], Awaitable[int]]

_OPTIONS: Final[dict[str, Any]] = {
    "json": Annotated[bool, typer.Option("--json", help="Print JSON.")],
    "output": Annotated[Output, typer.Option("-o", "--output", help="Form of the output.")],
    "columns": Annotated[str, typer.Option("--columns", help="Columns to print, by title, with commas.")],
    "sort": Annotated[str, typer.Option("--sort", help="Rows of tables by this column, by title; -TITLE turns it round.")],
    "no_color": Annotated[bool, typer.Option("--no-color", help="Nothing is ever coloured; taken because scripts say it.")],
    "socket": Annotated[str, typer.Option("--socket", help="Control socket of the daemon.")],
    "timeout": Annotated[float, typer.Option("--timeout", help="Seconds to wait for an answer.", min=0.1)],
    "yes": Annotated[bool, typer.Option("--yes", help="With --reason: panic without typing the phrase.")],
    "reason": Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    "quiet": Annotated[bool, typer.Option("-q", "--quiet", help="No messages on standard error.")],
    "request_id": Annotated[str, typer.Option("--request-id", help="Repeat a call safely under the same id.")],
}
_DEFAULTS: Final[dict[str, Any]] = {
    "json": False,
    "output": Output.TABLE,
    "columns": "",
    "sort": "",
    "no_color": False,
    "socket": "",
    "timeout": 10.0,
    "yes": False,
    "reason": "",
    "quiet": False,
    "request_id": "",
}


def add(app: typer.Typer, name: str, example: str) -> Callable[[Command[P]], Command[P]]:
    """Register an async command with the common options; `example` ends its help."""

    def decorate(command: Command[P]) -> Command[P]:
        own = list(inspect.signature(command).parameters.values())[1:]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            options = _taken(values)
            body = cast("Callable[..., Awaitable[int]]", command)
            raise typer.Exit(execute(lambda session: body(session, **values), options))

        common = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS[key], annotation=annotation)
            for key, annotation in _OPTIONS.items()
        ]
        keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        run.__signature__ = inspect.Signature([*keyword, *common])  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *common]}
        del run.__wrapped__  # typer would read the signature of what is wrapped
        app.command(name, epilog=f"Example: {example}")(run)
        return command

    return decorate


def _taken(values: dict[str, Any]) -> Options:
    """Move the common options out of `values`."""
    given = {key: values.pop(key) for key in _OPTIONS}
    return Options(
        output=Output.JSON if given["json"] else given["output"],
        columns=tuple(part.strip() for part in given["columns"].split(",") if part.strip()),
        socket=given["socket"],
        timeout_s=given["timeout"],
        yes=given["yes"],
        reason=given["reason"],
        quiet=given["quiet"],
        request_id=given["request_id"],
        sort=given["sort"],
    )
