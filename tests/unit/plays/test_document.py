"""What counts as a document, how scalars are read, and that anything else is one clear refusal."""

import re

import pytest

from playd.core.errors import PlayError
from playd.core.limits import PLAY_FILE_BYTES
from playd.plays.comparisons import as_list_form
from playd.plays.core_schema import core_value
from playd.plays.importing.importer import import_play
from playd.plays.load import decode_play, load_play
from tests.unit.plays.plays_of import play_text

CONDITION = '{all: [[close, ">", open]]}'


def findings(text: str) -> list[str]:
    with pytest.raises(PlayError) as refusal:
        load_play(text, "f.yml")
    return refusal.value.findings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("5", 5),
        ("-5", -5),
        ("5.0", 5.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("1_000", "1_000"),
        ("10:30", "10:30"),
        ("2025-01-31", "2025-01-31"),
        ("3.0.0", "3.0.0"),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, value: object) -> None:
    assert value == core_value(text)
    assert type(value) is type(core_value(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\n",
        "# only a comment\n",
        "\x00\x01\x02",
        "name: [1, 2",
        "a: 1\n---\nb: 2\n",
        "- a\n- b\n",
        "just text",
        "&a [*a]",
        "a: &a {b: *a}",
        "a: &a {<<: *a}",
        "[" * 3000,
        "*unknown",
        "\tname: x",
        "key: @x",
    ],
)
def test_what_is_no_document_gives_one_finding(text: str) -> None:
    lines = findings(text)
    assert len(lines) == 1
    assert re.search(r": E100( \S+)?: found ", lines[0])


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    assert "expected at most" in findings("a" * (PLAY_FILE_BYTES + 1))[0]


@pytest.mark.parametrize("long", ["# why this rule is as it is\n", "\n", "description: |\n", "description: '"])
def test_a_play_may_have_comments_blank_lines_or_a_description_of_most_of_its_size_in_one_place(long: str) -> None:
    line = "  what was tried before, and when\n" if long.startswith("d") else long
    text = long + line * (PLAY_FILE_BYTES * 3 // 4 // len(line)) + ("'\n" if long.endswith("'") else "")
    assert load_play(f"{text}{play_text(CONDITION)}", "f.yml").name == "small"


def test_an_alias_bomb_is_refused() -> None:
    levels = "\n".join(f"l{i + 1}: &l{i + 1} [{', '.join([f'*l{i}'] * 9)}]" for i in range(8))
    assert any("values" in line for line in findings(f"l0: &l0 [x]\n{levels}\n"))


def test_bytes_that_are_not_text_are_refused_with_their_line() -> None:
    with pytest.raises(PlayError, match=r"f\.yml:2:1: E100: found byte 0xff"):
        decode_play(b"name: x\n\xff\xfe", "f.yml")


def test_a_byte_order_mark_is_no_content() -> None:
    assert load_play(decode_play(b"\xef\xbb\xbf" + play_text(CONDITION).encode(), "f.yml"), "f.yml").name == "small"


def test_line_endings_of_other_systems_do_not_matter() -> None:
    assert (
        load_play(play_text(CONDITION).replace("\n", "\r\n"), "f.yml").play_hash
        == load_play(play_text(CONDITION), "f").play_hash
    )


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2\n", "a: .nan\n", "a: .inf\n", "a: 1e999\n", "1: 2\n", "[a]: 2\n", "a: !x 3\n", "<<: {b: 1}\n"]
)
def test_duplicate_keys_and_odd_values_are_findings(text: str) -> None:
    assert any(" E107" in line for line in findings('version: "3.0.0"\n' + text))


def test_anchors_and_aliases_share_a_value() -> None:
    text = play_text("&entry {all: [[close, '>', open]]}").replace('{all: [[close, "<", 0.000001]]}', "*entry")
    play = load_play(text, "f.yml")
    assert play.actions[0].cases[0].when == play.actions[1].cases[0].when


def test_nothing_that_stands_in_a_file_can_do_more_than_be_refused() -> None:
    assert any(
        "YAML tag" in line
        for line in findings('version: "3.0.0"\na: !!python/object/apply:os.getcwd []\nb: !!python/name:os.x y\n')
    )


def test_nesting_without_end_is_refused_at_once() -> None:
    for text in ("[" * 60_000, "{" * 60_000, "[\n" * 5000, "[" * 101 + " " * 60_000):
        (line,) = findings("a: " + text)
        assert line.startswith("f.yml:1:4: E100: found more than 100 levels")


def test_what_people_do_wrong_with_yaml_is_answered_with_advice() -> None:
    assert "a tab has no place there" in findings("a:\n\tb: 1\n")[0]
    assert "put operators and text with signs in quotes" in findings("a: [close, >, open]\n")[0]
    assert "put text with a colon in quotes" in findings("description: long: short\n")[0]
    text = play_text(
        CONDITION, features="{fast: {indicator: ema, params: &p {length: 9}}, slow: {indicator: sma, params: {<<: *p}}}"
    )
    (line,) = findings(text)
    assert "E107 features.slow.params.<<: found the merge key `<<`" in line


def test_a_message_quotes_the_beginning_of_a_long_value() -> None:
    assert all(len(line) < 300 for line in findings(f"name: {'9' * 5000}\nversion: {'x' * 5000}\n"))


SWAPPED = ("!!map [a]", "!!seq {a: 1}")


@pytest.mark.parametrize(
    "value", ["!!null 9", "!!int true", "!!bool 1", "!!int abc", "!!float x", "!mine [1]", "!mine {a: 1}", *SWAPPED]
)
def test_a_tag_that_does_not_say_what_stands_behind_it_is_refused(value: str) -> None:
    lines = findings(play_text(CONDITION, more=f"variables: {{n: {value}}}"))
    assert any("E107" in line and "found the YAML tag `" in line for line in lines)


def test_a_tag_that_says_what_is_there_anyway_does_not_matter() -> None:
    tagged = play_text(CONDITION, features='!!map {e: {indicator: ema, params: {length: !!int "9"}}}')
    plain = play_text(CONDITION, features="{e: {indicator: ema, params: {length: 9}}}")
    assert load_play(tagged, "f").play_hash == load_play(plain, "f").play_hash


@pytest.mark.parametrize("deep", ["a: " + "[\n x,\n " * 101, "\n".join(f"{' ' * k}k{k}:" for k in range(120))])
def test_a_document_that_cannot_be_read_whole_gives_one_finding(deep: str) -> None:
    assert len(findings(f"{deep}\n")) == 1


def test_a_place_holder_without_quotes_is_named_and_imported() -> None:
    text = play_text(CONDITION, more="variables: {fast: 9}", features="{e: {indicator: ema, params: {length: {{ fast }}}}}")
    (line,) = findings(text)
    assert "found `{{ fast }}`" in line
    assert "written `$fast`; `playd play import FILE` rewrites it" in line
    assert "length: $fast" in import_play(text, "f").text
    (line,) = findings(text.replace("{{ fast }}", "{{ fast|int }}"))
    assert line.endswith("found `{{ fast|int }}`, which no program fills in here, expected a value")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("ema-9", "write `ema_9`"),
        ("9ema", "write `_9ema`"),
        ("еma", "in it is U+0435"),
        ("e\u200bma", "in it is U+200B"),
    ],
)
def test_a_name_that_cannot_be_used_comes_with_one_that_can(name: str, advice: str) -> None:
    assert any(advice in line for line in findings(play_text(CONDITION, features=f'{{"{name}": {{indicator: ema}}}}')))


def test_a_key_in_the_wrong_column_is_no_text_with_a_colon() -> None:
    assert "in the column of its neighbours" in findings("a:\n  b: 1\n   c: 2\n")[0]
    assert "put text with a colon in quotes" in findings("a: b: 1\n")[0]


def test_a_quote_that_nobody_closed_is_found_where_it_begins() -> None:
    assert "line 2 opens a quote" in findings('a: 1\nb: "open\nc: 2\nd: "x"\n')[0]


@pytest.mark.parametrize(
    ("key", "place"),
    [("leverage", "`account.max_leverage`"), ("exit_mode", "`position_policy.exit_mode`"), ("indicators", "`features`")],
)
def test_a_key_at_the_top_is_sent_to_where_it_belongs(key: str, place: str) -> None:
    assert any(f"that is {place}" in line for line in findings(play_text(CONDITION, more=f"{key}: 3")))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("close > 2", '[close, ">", 2]'),
        ("close > 2 and open < 3 && low >= 1", '{all: [[close, ">", 2], [open, "<", 3], [low, ">=", 1]]}'),
        ("close > 2 OR open < 3", '{any: [[close, ">", 2], [open, "<", 3]]}'),
        ("close > 2 and open < 3 or low > 1", ""),
        ("close is high", ""),
    ],
)
def test_a_text_of_conditions_is_shown_as_a_list(text: str, meant: str) -> None:
    assert as_list_form(text) == meant
