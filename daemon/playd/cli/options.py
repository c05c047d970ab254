"""
Options that every `playctl` command has, said once.

A command is an async function of a `Session` and its own parameters; `add` gives it the common options.
"""

import functools
import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from itertools import zip_longest
from typing import Annotated, Any, Concatenate, Final, ParamSpec, cast, get_args

import typer

from playd.cli.remote import at_once, on_host
from playd.cli.session import Options, Session, execute
from playd.control.render import Output

P = ParamSpec("P")

Command = Callable[Concatenate[Session, P], Awaitable[int]]

WATCH_S: Final = 2
_SECONDS: Final = re.compile(r"\d+(\.\d+)?")

_OPTIONS: Final[dict[str, Any]] = {
    "json": Annotated[bool, typer.Option("--json", help="Print JSON.")],
    "output": Annotated[Output, typer.Option("-o", "--output", help="Form of the output.")],
    "columns": Annotated[str, typer.Option("--columns", help="Columns to print, by title, with commas.")],
    "sort": Annotated[str, typer.Option("--sort", help="Rows of tables by this column, by title; -TITLE turns it round.")],
    "no_color": Annotated[bool, typer.Option("--no-color", help="Nothing is ever coloured; taken because scripts say it.")],
    "socket": Annotated[str, typer.Option("--socket", help="Control socket of the daemon.")],
    "watch": Annotated[
        float | None,
        typer.Option("--watch", metavar="[S]", help="Look again every S seconds, 2 when it is left out.", min=0.1),
    ],
    "wait": Annotated[bool, typer.Option("--wait", help="First until the daemon is ready, --timeout seconds at most.")],
    "host": Annotated[
        str, typer.Option("--host", metavar="USER@HOST", help="By the playctl of that machine, through ssh; files are its own.")
    ],
    "timeout": Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", help="Seconds to wait for an answer; default 10, for a change 120.", min=0.1),
    ],
    "yes": Annotated[bool, typer.Option("--yes", help="Ask no y/N; with --reason: panic without typing the phrase.")],
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
    "watch": None,
    "wait": False,
    "host": "",
    "timeout": None,
    "yes": False,
    "reason": "",
    "quiet": False,
    "request_id": "",
}


def add(app: typer.Typer, name: str, example: str) -> Callable[[Command[P]], Command[P]]:
    """
    Register an async command with the common options; `example` ends its help.

    A parameter of the command that is called like a common option takes its place.
    """

    def decorate(command: Command[P]) -> Command[P]:
        own = list(inspect.signature(command).parameters.values())[1:]
        taken = {parameter.name for parameter in own}

        @functools.wraps(command)
        def run(**values: Any) -> None:
            options = _taken(values, taken)
            body = cast("Callable[..., Awaitable[int]]", command)
            if options.host:
                raise typer.Exit(execute(lambda session: on_host(session, arranged(sys.argv[1:])), at_once(options)))
            raise typer.Exit(execute(lambda session: body(session, **values), options))

        common = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS[key], annotation=annotation)
            for key, annotation in _OPTIONS.items()
            if key not in taken
        ]
        keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        run.__signature__ = inspect.Signature([*keyword, *common])  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *common]}
        del run.__wrapped__  # typer would read the signature of what is wrapped
        app.command(name, epilog=f"Example: {example}")(run)
        return command

    return decorate


def _taken(values: dict[str, Any], own: Collection[str]) -> Options:
    """Move the common options out of `values`, but for the command's `own`."""
    given = {key: _DEFAULTS[key] if key in own else values.pop(key) for key in _OPTIONS}
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
        watch_s=given["watch"] or 0.0,
        wait=given["wait"],
        host=given["host"],
    )


def arranged(words: Sequence[str]) -> list[str]:
    """
    A command line as the parser takes it: common options that stand before the command go behind it, but before a `--`, and a
    `--watch` without seconds gets the usual ones.
    """
    found: list[str] = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        found.append(f"--watch={WATCH_S}" if word == "--watch" and not _SECONDS.fullmatch(following) else word)
    ahead: list[str] = []
    while found and (takes := _TAKES_VALUE.get(found[0].partition("=")[0])) is not None:
        alone = not takes or "=" in found[0]
        ahead += found[: 1 if alone else 2]
        found = found[1 if alone else 2 :]
    end = found.index("--") if "--" in found else len(found)
    return [*found[:end], *ahead, *found[end:]] if found else list(words)


def _flags() -> Iterator[tuple[str, bool]]:
    """Each common option as it is typed, and whether a value follows it."""
    for annotation in _OPTIONS.values():
        kind, option = get_args(annotation)
        for flag in (option.default, *option.param_decls):
            yield flag, kind is not bool


_TAKES_VALUE: Final = dict(_flags())
