"""Why a command to the supervisor was not carried out. The control server turns each into its own error code."""

from playd.core.errors import PlaydError


class NoSuchInstance(PlaydError):
    """There is no instance of that name; the text names the nearest one."""

    exit_code = 4


class NotRunning(PlaydError):
    """The command needs a running instance."""

    exit_code = 3


class CommandRefused(PlaydError):
    """A rule forbids it. `code` is stable, `hint` says what to do."""

    exit_code = 8

    def __init__(self, code: str, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.hint = hint
