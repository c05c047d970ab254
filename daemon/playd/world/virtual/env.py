"""An environment given as a mapping."""

from collections.abc import Mapping, Sequence


class FixedEnv:
    """`Env` over a copy of `values`."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def get(self, name: str) -> str | None:
        return self._values.get(name)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._values))

    def forget(self, names: Sequence[str]) -> None:
        for name in names:
            self._values.pop(name, None)
