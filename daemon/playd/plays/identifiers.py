"""What features, structures, setups and variables may be called."""

import re
import unicodedata
from typing import Final

IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


def strange(word: str) -> str:
    """What is wrong with a name that is none, for messages: what is expected, and how it could be written."""
    expected = "that cannot be used, expected [A-Za-z_][A-Za-z0-9_]{0,63}"
    foreign = next((letter for letter in word if not letter.isascii()), "")
    if foreign:
        shown = f"`{foreign}`" if unicodedata.category(foreign)[0] in "LNPS" else "what is not seen"
        return f"{expected}; {shown} in it is U+{ord(foreign):04X}"
    plain = re.sub(r"\W", "_", word.strip())[:64]
    near = plain if IDENTIFIER.match(plain) else f"_{plain}"[:64]
    return f"{expected}; write `{near}`" if word.strip() else expected
