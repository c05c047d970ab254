"""Fault scripts as data: what is read from them, what is refused with which words, and which events a fault hits."""

import pytest

from playd.core.errors import SettingsError
from playd.venues.exchange.faults.kinds import KINDS
from playd.venues.exchange.faults.matcher import Armed, Now, hits
from playd.venues.exchange.faults.model import Event, Seam
from playd.venues.exchange.faults.script import read_script
from tests.tidy.source import ROOT

CREATE = Event(Seam.REQUEST, "/v5/order/create", account="main", symbols=("BTCUSDT",), link_ids=("p1-a",))


def test_a_script_is_read_with_defaults_written_out() -> None:
    (fault,) = read_script("faults:\n  - kind: drop_reply\n    where: {path: /v5/order/*}\n", "faults.yml")
    assert (fault.name, fault.kind, fault.times) == ("drop_reply-1", "drop_reply", 1)
    assert fault.where.path == "/v5/order/*"
    assert dict(fault.params) == {"silent_s": 0.0}
    assert read_script("faults:\n  - kind: maintenance\n", "faults.yml")[0].times == 0, "what lasts has no end of its own"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "f.yml:1:1: faults: found no key `faults`"),
        ("faults:\n  - kind: drop_replay\n", "f.yml:2:11: faults[0].kind: found `drop_replay`"),
        ("faults:\n  - kind: drop_replay\n", "did you mean `drop_reply`?"),
        ("faults:\n  - kind: delay\n    wher: {}\n", "f.yml:3:5: faults[0].wher: found the unknown key `wher`"),
        ("faults:\n  - kind: delay\n    with: {delay: 1}\n", "did you mean"),
        ("faults:\n  - kind: delay\n    with: {delay_s: -1}\n", "f.yml:3:21: faults[0].with.delay_s: found `-1`"),
        ("faults:\n  - kind: skew_clock\n", "faults[0].with.by_ms: found no key `by_ms`"),
        ("faults:\n  - kind: answer\n", "expected one of them"),
        ("faults:\n  - kind: answer\n    with: {code: 10006, http: 503}\n", "expected one of them"),
        ("faults:\n  - kind: delay\n    when: {probability: 0}\n", "above 0"),
        ("faults:\n  - kind: delay\n    when: {market_time: noon}\n", 'found "noon", expected a time with its zone'),
        ("faults:\n  - kind: cut\n    where: {socket: privat}\n", "did you mean `private`?"),
        ("faults: [1]\n", "faults[0]: found `1`, which is a number, expected a map"),
    ],
)
def test_a_wrong_script_is_refused_with_place_finding_and_nearest(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_script(text, "f.yml")
    assert words in str(caught.value), caught.value


def _armed(more: str) -> Armed:
    (fault,) = read_script("faults:\n  - kind: delay\n" + more, "f.yml")
    return Armed(fault, Now(100.0, 600_000))


@pytest.mark.parametrize(
    ("where", "hit"),
    [
        ("{path: /v5/order/*}", True),
        ("{path: /v5/position/*}", False),
        ("{account: main, symbol: BTC*, link_id: p1-*}", True),
        ("{account: other}", False),
        ("{link_id: p2-*}", False),
    ],
)
def test_patterns_pick_the_events(where: str, hit: bool) -> None:
    armed = _armed(f"    where: {where}\n")
    assert bool(hits([armed], CREATE, Now(100.0, 600_000))) is hit


def test_a_fault_hits_after_so_many_events_and_so_often() -> None:
    armed = _armed("    when: {after: 2}\n    times: 3\n")
    assert [len(hits([armed], CREATE, Now(100.0, 0 + 600_000))) for _ in range(7)] == [0, 0, 1, 1, 1, 0, 0]


def test_a_fault_waits_for_its_time_and_ends_with_it() -> None:
    armed = _armed("    when: {from_s: 5, until_s: 10, market_min: 2}\n    times: 0\n")
    struck = [bool(hits([armed], CREATE, now)) for now in (Now(104.0, 900_000), Now(105.0, 700_000), Now(105.0, 720_000))]
    assert struck == [False, False, True]
    assert not hits([armed], CREATE, Now(110.0, 900_000))
    late = _armed("    when: {market_time: '1970-01-01T00:20:00Z'}\n")
    assert not hits([late], CREATE, Now(200.0, 1_199_999))
    assert hits([late], CREATE, Now(200.0, 1_200_000))


def test_chance_is_a_function_of_the_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        armed = _armed(f"    when: {{probability: 0.3, seed: {seed}}}\n    times: 0\n")
        return [bool(hits([armed], CREATE, Now(100.0, 600_000))) for _ in range(400)]

    first = drawn(7)
    assert first == drawn(7)
    assert first != drawn(8)
    assert 80 < sum(first) < 160


def test_the_page_names_every_kind_and_its_script_is_one() -> None:
    page = (ROOT / "daemon" / "fault-scripts.md").read_text()
    assert [name for name in KINDS if f"`{name}`" not in page] == []
    script = page.partition("```yaml\n")[2].partition("```")[0]
    assert [fault.kind for fault in read_script(script, "page")] == ["drop_reply", "answer", "cut"]
