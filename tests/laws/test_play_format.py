"""Laws of the canonical form: it decides the same, formatting it again changes nothing, and no comment is lost or doubled."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from playd.core.errors import PlayError
from playd.plays.comments import comments_of
from playd.plays.core_schema import core_value
from playd.plays.document import Leaf, Map, read_document
from playd.plays.findings import Report
from playd.plays.formatting import format_play
from playd.plays.load import load_play
from playd.plays.scalar_text import scalar_text
from tests.laws.test_play_refusals import TEXTS, changed


def formatted(text: str) -> str:
    report = Report("f.yml")
    root = read_document(text, report)
    assert root is not None, report.lines("E")
    return format_play(text, root)


def hash_of(text: str) -> str:
    return load_play(text, "f.yml").play_hash


def with_comments(text: str, seed: int, count: int) -> str:
    """The text with comments behind lines, and on lines of their own with any indentation."""
    chance = random.Random(seed)
    lines = text.splitlines()
    for number in range(count):
        at = chance.randrange(len(lines))
        if chance.random() < 0.5 and lines[at].strip():
            lines[at] += f"  # note {number}"
        else:
            lines.insert(at, f"{' ' * chance.randrange(9)}# note {number}")
    return "\n".join(lines) + "\n"


def comment_lines(text: str) -> Counter[str]:
    """The words of all comments; several behind one value share a line in the end."""
    root = read_document(text, Report("f.yml"))
    assert root is not None
    comments = comments_of(text, root)
    return Counter(word for line in (*comments.header, *comments.rest(), *comments.footer) for word in line.split())


@given(st.sampled_from(TEXTS), st.integers(0, 2**32), st.integers(0, 6))
@settings(deadline=None, max_examples=25, print_blob=True)
def test_formatting_keeps_the_decisions_and_every_comment(text: str, seed: int, count: int) -> None:
    text = with_comments(text, seed, count)
    canonical = formatted(text)
    assert formatted(canonical) == canonical
    assert hash_of(canonical) == hash_of(text)
    assert comment_lines(canonical) == comment_lines(text)


@given(st.sampled_from(TEXTS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=40, print_blob=True)
def test_a_damaged_play_that_still_loads_is_formatted_once_and_for_all(text: str, seed: int) -> None:
    damaged = changed(text, seed, 1)
    try:
        before = hash_of(damaged)
    except PlayError:
        return
    canonical = formatted(damaged)
    assert formatted(canonical) == canonical
    assert hash_of(canonical) == before


@given(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()))
@settings(deadline=None, max_examples=200, print_blob=True)
def test_a_scalar_reads_back_as_it_was(value: object) -> None:
    text = scalar_text(value)  # type: ignore[arg-type]
    report = Report("f.yml")
    root = read_document(f"a: {text}\nb: [{text}, {text}]\nc: {text}\n", report)
    assert isinstance(root, Map), report.lines("E")
    leaf = root.get("a")
    assert isinstance(leaf, Leaf)
    assert leaf.value == value
    assert isinstance(leaf.value, type(value)) or (isinstance(value, float) and value == leaf.value)


@given(st.text(alphabet="ab #|:-\n", max_size=30))
@settings(deadline=None, max_examples=30, print_blob=True)
def test_a_description_of_several_lines_survives(description: str) -> None:
    text = TEXTS[0].replace("description:", f"description: {scalar_text(description)}\ntags_of_old:", 1)
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("tags:", "tags_of_old:"))) + "\n"
    canonical = formatted(text)
    assert formatted(canonical) == canonical
    assert load_play(canonical, "f.yml").description == description


def test_numbers_keep_their_value_whatever_their_spelling() -> None:
    assert [scalar_text(core_value(word)) for word in ("5.0", "5", "0x10", "1e3", ".5", "-0.0", "1e-7")] == [
        *("5", "5", "16", "1000", "0.5", "0", "1e-07")
    ]


def test_the_layout_is_the_one_that_people_are_shown() -> None:
    written = """
# A header.
symbol: BTCUSDT
version: '3.0.0'
actions: {exit_long: {any: [[a, '>', b], [close, '<', 5.0]]}, entry_long: {all: [[close, '>',   # inner
   open]]}}   # behind
name: "on"
features: {b: {tf: exec, indicator: ema}}
# Above the account.
account: {fee_model: {maker_bps: 2.0, taker_bps: 5.5}}
"""
    assert formatted(written) == (
        "# A header.\n"
        'version: "3.0.0"\n'
        'name: "on"\n'
        "symbol: BTCUSDT\n"
        "\n"
        "# Above the account.\n"
        "account:\n"
        "  fee_model: {taker_bps: 5.5, maker_bps: 2}\n"
        "\n"
        "features:\n"
        "  b: {indicator: ema, tf: exec}\n"
        "\n"
        "actions:\n"
        "  entry_long:\n"
        "    all:\n"
        "      # inner\n"
        '      - [close, ">", open]  # behind\n'
        "  exit_long:\n"
        "    any:\n"
        '      - [a, ">", b]\n'
        '      - [close, "<", 5]\n'
    )
