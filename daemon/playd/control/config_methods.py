"""Methods that hold the files of settings against those in force, and take them over."""

from playd.control import params as p
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.ops_answers import ChangeRow, Changes
from playd.control.protocol import Code, RpcError
from playd.settings.load import MainText
from playd.settings.reload import Change, Outcome, Takes


async def check(daemon: Daemon, params: p.ConfigCheck, call: Call) -> Changes:
    """
    What a reload would take over, what waits for a start, what needs the phrase: of the files as they are, or with a text that
    the caller has in place of the main one. Raises `SettingsError` for what is wrong in them, by file, line and key.
    """
    return _rows(daemon.reload.look(None if params.content is None else MainText(params.name, params.content)))


async def reload(daemon: Daemon, params: p.Reload, call: Call) -> Changes:
    """Take the files over; what is looser is refused by name until the phrase is there, and all else holds by then."""
    outcome = daemon.reload.reload(call.actor, confirm=params.confirm)
    await daemon.journal.synced()
    if outcome.refused:
        preview = [f"{change.name}: {change.before} -> {change.after} takes more risk" for change in outcome.refused]
        done = f"{len(outcome.taken)} other keys hold already; " if outcome.taken else ""
        raise RpcError(
            Code.PHRASE_REQUIRED,
            f"{done}this needs the phrase {outcome.phrase!r}",
            hint=f"type it when asked, or pass --confirm {outcome.phrase!r}",
            details={"phrase": outcome.phrase, "preview": preview, **_rows(outcome)},
        )
    return _rows(outcome)


def _rows(outcome: Outcome) -> Changes:
    words: tuple[tuple[Takes, tuple[Change, ...]], ...] = (
        ("now", outcome.taken),
        ("restart", outcome.waiting),
        ("phrase", outcome.refused),
    )
    rows: list[ChangeRow] = [
        {"key": change.name, "before": _said(change.before), "after": _said(change.after), "takes": word}
        for word, found in words
        for change in found
    ]
    return {"digest": outcome.digest, "changes": rows}


def _said(value: object) -> str | None:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return None if value is None else str(value)
