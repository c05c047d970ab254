"""The process environment, read once."""

import os
from collections.abc import Sequence


class RealEnv:
    """`Env` of this process, as it was when the world was built."""

    def __init__(self) -> None:
        self._values = dict(os.environ)

    def get(self, name: str) -> str | None:
        return self._values.get(name)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._values))

    def forget(self, names: Sequence[str]) -> None:
        for name in names:
            self._values.pop(name, None)
            os.environ.pop(name, None)
