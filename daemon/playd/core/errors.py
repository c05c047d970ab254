"""
Everything that can go wrong, split by who must act.

    PlaydError
    ├─ OperatorError      someone must change configuration, keys or the host; `exit_code` forbids a restart
    │  ├─ SettingsError   78
    │  ├─ CredentialError 77
    │  ├─ LockError       79
    │  └─ StateError      78 damaged state, 80 state newer than the program
    ├─ PlayError          the Play's author must act: refused at load, never at run time
    ├─ CandleError        a candle file cannot be used
    ├─ VenueError         the venue answered
    │  ├─ Refused         definite: the request had no effect
    │  ├─ Throttled       definite: sent too fast, `retry_after_s`
    │  └─ Doubtful        the answer does not say whether there was an effect
    ├─ LinkError          the network: no answer, so writes are in doubt
    ├─ RecordError        ledger or journal cannot be written: the process ends with 74
    └─ Broken             an invariant of ours failed: the instance stops, nothing continues "carefully"

Errors answer questions as attributes (`outcome_known`, `retry_after_s`, `exit_code`), so that nobody matches on text.
"""

import errno
from typing import Final

_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: OSError) -> bool:
    """Whether a disk refused for want of space: room can be made then, where any other refusal means it cannot be trusted."""
    return error.errno in _NO_SPACE


class PlaydError(Exception):
    """Base of all errors that playd raises on purpose. The text says what was found, where, and what was expected."""

    exit_code: int = 1


class OperatorError(PlaydError):
    """Someone must change configuration, keys or the host before a restart can help."""


class SettingsError(OperatorError):
    """Configuration is wrong or contradicts itself."""

    exit_code = 78


class CredentialError(OperatorError):
    """A key or secret is missing, unreadable, too widely readable, or refused."""

    exit_code = 77


class LockError(OperatorError):
    """Another daemon holds the state directory."""

    exit_code = 79


class StateError(OperatorError):
    """A state file is damaged (78) or newer than this program (80). Unreadable is never taken for empty."""

    def __init__(self, text: str, *, exit_code: int = 78) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class PlayError(PlaydError):
    """A Play is refused. `findings` holds every error of every file at once, as text lines."""

    exit_code = 6

    def __init__(self, findings: list[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = findings


class CandleError(PlaydError):
    """A candle file cannot be used: missing, not Parquet, wrong columns, wrong order, not numbers."""

    exit_code = 6


class VenueError(PlaydError):
    """The venue answered with something else than success."""

    outcome_known = True

    def __init__(self, text: str, *, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


class Refused(VenueError):
    """Definite: the request had no effect."""


class Throttled(VenueError):
    """Definite: sent too fast, no effect."""

    def __init__(self, text: str, *, code: int | None, retry_after_s: float) -> None:
        super().__init__(text, code=code)
        self.retry_after_s = retry_after_s


class Doubtful(VenueError):
    """An answer that does not say whether the request had an effect."""

    outcome_known = False


class LinkError(PlaydError):
    """No answer: time-out, reset, refused connection. A write may have had its effect."""

    outcome_known = False


class RecordError(PlaydError):
    """Ledger or journal cannot be written. What cannot be recorded must not be done."""

    exit_code = 74


class Broken(PlaydError):
    """An invariant of ours failed. Our bug."""
