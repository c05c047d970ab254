"""A law of the loader: whatever stands in a file, the answer is a Play that compiles, or a refusal with findings."""

import random
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from playd.core.errors import PlayError
from playd.plays.compile import compile_program
from playd.plays.load import decode_play, load_play

ROOT = Path(__file__).parents[2]
TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "config" / "plays").glob("*.yml"))]
WORDS = [
    *(
        "[]",
        "{}",
        "null",
        "~",
        "''",
        "5",
        "-1",
        "1e9",
        ".nan",
        "true",
        "close",
        "$x",
        "$rsi_high",
        "none",
        "1m",
        "1d",
        "[[[]]]",
    ),
    *("{a: b}", "bars", "expr", "- x", "!!str x", "&a b", "*a", "rsi_14", "bb.upper", "st.direction", "[close, '>', open]"),
    *(
        "{all: []}",
        "[close, '-', 1]",
        "[1, '>', 0]",
        "{feature_id: close, offset: 1}",
        "{'+': [close, 1]}",
        "all",
        "{setup: x}",
    ),
]


def changed(text: str, seed: int, times: int) -> str:
    """The text with some of its words and signs replaced, lost, or written twice."""
    chance = random.Random(seed)
    parts = re.split(r"(\s+|[\[\]{},:])", text)
    for _ in range(times):
        at = chance.randrange(len(parts))
        what = chance.random()
        if what < 0.5:
            parts[at] = chance.choice([*WORDS, chance.choice(parts)])
        elif what < 0.75:
            del parts[at]
        else:
            parts.insert(at, chance.choice(parts))
    return "".join(parts)


def refusal_of(text: str) -> list[str] | None:
    """Findings, or None when the text is a Play; then it compiles too."""
    try:
        compile_program(load_play(text, "f.yml"), 60_000)
    except PlayError as refusal:
        return refusal.findings
    return None


def is_an_answer(findings: list[str] | None) -> bool:
    return findings is None or (bool(findings) and all(line.startswith("f.yml:") for line in findings))


@given(st.sampled_from(TEXTS), st.integers(0, 2**32), st.integers(1, 4))
@settings(deadline=None, max_examples=60, print_blob=True)
def test_a_damaged_play_is_read_or_refused(text: str, seed: int, times: int) -> None:
    assert is_an_answer(refusal_of(changed(text, seed, times)))


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=60, print_blob=True)
def test_any_text_is_read_or_refused(text: str) -> None:
    assert is_an_answer(refusal_of(text))


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=60, print_blob=True)
def test_any_bytes_are_text_or_refused_with_their_line(data: bytes) -> None:
    try:
        text = decode_play(data, "f.yml")
    except PlayError as refusal:
        findings: list[str] | None = refusal.findings
    else:
        findings = refusal_of(text)
    assert is_an_answer(findings)
