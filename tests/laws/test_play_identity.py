"""Laws of identity: whatever two files spell differently without meaning something else, their hash is the same."""

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from playd.core.canonical import canonical_json
from playd.plays.comparisons import is_condition
from playd.plays.document import Entry, Item, Leaf, Map, Sequence, read_document
from playd.plays.findings import Mark, Report
from playd.plays.formatting import one_line
from playd.plays.load import load_play
from playd.plays.normal_form import NOT_HASHED
from playd.plays.operands import is_arithmetic
from tests.laws.test_play_refusals import TEXTS

NOWHERE = Mark(1, 1)
RULES = ("setups", "actions")


class Respeller:
    """Writes a document another way, by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def map_of(self, **values: Item) -> Map:
        return Map(tuple(Entry(key, NOWHERE, value) for key, value in values.items()), NOWHERE)

    def item(self, item: Item, path: tuple[str, ...]) -> Item:
        in_rules = bool(path) and path[0] in RULES
        if isinstance(item, Leaf):
            return self.number(item)
        if isinstance(item, Sequence):
            if in_rules and is_condition(item):
                return self.condition(item)
            if in_rules and path[-1] == "expr" and len(item.items) == 1:
                return self.item(item.items[0], path) if self.chance.random() < 0.5 else self.list_of(item, path)
            return self.list_of(item, path)
        entries = [Entry(one.key, NOWHERE, self.item(one.value, (*path, one.key))) for one in item]
        self.chance.shuffle(entries)
        return Map(tuple(entries), NOWHERE)

    def list_of(self, item: Sequence, path: tuple[str, ...]) -> Sequence:
        return Sequence(tuple(self.item(child, path) for child in item.items), NOWHERE)

    def number(self, item: Leaf) -> Leaf:
        """An integer as a float, half of the times; the text says so with `.0`."""
        if type(item.value) is int and self.chance.random() < 0.5:
            return Leaf(Spelled(f"{item.value}.0"), NOWHERE)
        return item

    def condition(self, item: Sequence) -> Item:
        left, op, right, *rest = item.items
        assert isinstance(op, Leaf)
        left = self.operand(left)
        if op.value not in ("==", "!=", "in"):  # there it may be a word
            right = self.operand(right)
        if self.chance.random() < 0.5:
            return Sequence((left, op, right, *rest), NOWHERE)
        tolerance = {"tolerance": rest[0]} if rest else {}
        entries = list(self.map_of(lhs=left, op=op, rhs=right, **tolerance).entries)
        self.chance.shuffle(entries)
        return Map(tuple(entries), NOWHERE)

    def operand(self, item: Item) -> Item:
        if is_arithmetic(item):
            assert isinstance(item, Sequence)
            a, sign, b = item.items
            assert isinstance(sign, Leaf)
            return Map((Entry(str(sign.value), NOWHERE, Sequence((self.operand(a), self.operand(b)), NOWHERE)),), NOWHERE)
        if isinstance(item, Leaf) and isinstance(item.value, str) and not item.value.startswith("$"):
            if self.chance.random() < 0.5:
                return self.map_of(feature_id=item)
            name, dot, field = item.value.partition(".")
            if dot:
                return self.map_of(field=Leaf(field, NOWHERE), feature_id=Leaf(name, NOWHERE))
        return item


class Spelled(str):
    """Text that is written as it stands, without quotes."""


def written(root: Map) -> str:
    """The document on one line per section; spelled numbers lose their quotes."""
    lines = []
    for entry in root:
        lines.append(f"{entry.key}: {one_line(entry.value)}  # {entry.key}")
    return "\n".join(lines)


def document(text: str) -> Map:
    root = read_document(text, Report("f.yml"))
    assert root is not None
    return root


def respelled(text: str, seed: int) -> str:
    """The same Play in other words."""
    speller = Respeller(seed)
    root = speller.item(document(text), ())
    assert isinstance(root, Map)

    return re.sub(r'"(-?[0-9]+\.0)"', r"\1", written(root))


@given(st.sampled_from(TEXTS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=40, print_blob=True)
def test_another_spelling_is_the_same_play(text: str, seed: int) -> None:
    one, other = load_play(text, "f.yml"), load_play(respelled(text, seed), "f.yml")
    hashed = [{key: value for key, value in play.normal_form.items() if key not in NOT_HASHED} for play in (one, other)]
    assert canonical_json(hashed[0]) == canonical_json(hashed[1])
    assert one.play_hash == other.play_hash
    assert one.source_hash != other.source_hash


def test_the_law_tries_other_spellings() -> None:
    text = next(one for one in TEXTS if "name: mtf_trend" in one)
    tries = [respelled(text, seed) for seed in range(5)]
    assert all("lhs:" in one and "feature_id:" in one and ".0" in one for one in tries)
    assert len(set(tries)) == 5
