"""Secrets as values that do not show themselves, and the removal of echoed keys from other people's texts."""

import hashlib
import re
from typing import Final

MASK: Final = "***"

_ECHOES: Final = (
    # A signature refusal (10004) echoes the string that was hashed: it holds the key, and nobody needs the rest.
    re.compile(r"origin_string\[.*\]", re.DOTALL),
    # Long runs of the key alphabet behind a name that says what they are.
    re.compile(r"(?i)\b(api_?key|secret|sign(?:ature)?|token)\b(\W{0,2}[=:]\W{0,2})[A-Za-z0-9+/=_-]{10,}"),
)


class Secret:
    """
    A text that prints, formats and pickles as `***`; `reveal()` is the one way to the value.

    Every use of `reveal()` is a place to review. Copies are the object itself; JSON writers refuse it or write `***`.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The secret itself, for signing or authenticating, never for a text."""
        return self.__value

    @property
    def fingerprint(self) -> str:
        """First 8 hex characters of SHA-256: names a key without showing it."""
        return hashlib.sha256(self.__value.encode()).hexdigest()[:8]

    def scrub(self, text: str) -> str:
        """`text` with every occurrence of this secret masked."""
        return text.replace(self.__value, MASK) if self.__value else text

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> tuple[type["Secret"], tuple[str]]:
        return Secret, (MASK,)

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self


def redact(text: str) -> str:
    """A vendor's text without what it echoes of keys and signatures. Idempotent; other text is left as it is."""
    text = _ECHOES[0].sub(f"origin_string[{MASK}]", text)
    return _ECHOES[1].sub(rf"\1\2{MASK}", text)
