"""Admission: one function, one first reason, the same for every way to start."""

from dataclasses import replace

import pytest

from playd.core.modes import Environment, Mode
from playd.settings.model import Rate, Recon, Streams
from playd.supervisor.admission import Circumstances, admit
from playd.supervisor.reads import overdrawn
from playd.supervisor.records import InstanceRecord

RECORD = InstanceRecord(
    uid="abcdefgh",
    name="alpha",
    account="paper-abcdefgh",
    mode=Mode.PAPER,
    symbol="BTCUSDT",
    play_path="a.yml",
    play_digest="d" * 64,
    capital_usd="10000",
    clock_ms=60_000,
    created_ms=0,
    changed_ms=0,
)
AROUND = Circumstances(
    present_digest="d" * 64,
    play_error="",
    running=(),
    account_environment=Environment.LOCAL,
    account_refused="",
    market_symbols=("BTCUSDT",),
    max_instances=50,
)
DEMO = replace(RECORD, mode=Mode.DEMO, account="demo")
LIVE = replace(RECORD, mode=Mode.LIVE, account="main")
AT_LIVE = replace(AROUND, account_environment=Environment.LIVE, ceiling=Mode.LIVE)
OTHER_LIVE = replace(LIVE, uid="yyyyyyyy", name="gamma", symbol="ETHUSDT", play_digest="f" * 64)
OTHER = replace(RECORD, uid="zzzzzzzz", name="beta", account="paper-zzzzzzzz")


def test_a_fitting_record_is_admitted() -> None:
    assert admit(RECORD, AROUND) is None
    assert admit(LIVE, AT_LIVE) is None
    assert admit(RECORD, replace(AROUND, memory_mib=1199, conditional=6)) is None


@pytest.mark.parametrize(
    ("record", "around", "code"),
    [
        (replace(RECORD, name="Alpha"), AROUND, "BAD_NAME"),
        (replace(RECORD, name="all"), AROUND, "BAD_NAME"),
        (replace(RECORD, name="foreign"), AROUND, "BAD_NAME"),
        (replace(RECORD, mode=Mode.BACKTEST), AROUND, "BAD_MODE"),
        (LIVE, replace(AROUND, account_environment=Environment.LIVE), "MODE_CEILING"),
        (LIVE, replace(AT_LIVE, running=(OTHER_LIVE,), max_live_instances=1), "TOO_MANY"),
        (DEMO, replace(AROUND, account_environment=Environment.DEMO, ceiling=Mode.PAPER), "MODE_CEILING"),
        (RECORD, replace(AROUND, failed="crashed 4 times"), "FAILED"),
        (RECORD, replace(AROUND, present_digest=None, play_error="line 3"), "PLAY_INVALID"),
        (RECORD, replace(AROUND, present_digest="e" * 64), "PLAY_CHANGED"),
        (RECORD, replace(AROUND, stop_order="Limit"), "LIMIT_STOP"),
        (RECORD, replace(AROUND, stop_order=""), "NO_STOP"),
        (RECORD, replace(AROUND, account_environment=None), "UNKNOWN_ACCOUNT"),
        (RECORD, replace(AROUND, account_environment=Environment.LIVE), "WRONG_ENVIRONMENT"),
        (DEMO, AROUND, "WRONG_ENVIRONMENT"),
        (RECORD, replace(AROUND, account_refused="key expired"), "ACCOUNT_REFUSED"),
        (RECORD, replace(AROUND, key_ends="1 days left"), "KEY_EXPIRES"),
        (RECORD, replace(AROUND, market_symbols=("ETHUSDT",)), "NO_SYMBOL"),
        (RECORD, replace(AROUND, reference="ETHUSDT"), "NO_SYMBOL"),
        (RECORD, replace(AROUND, max_instances=1, running=(replace(OTHER, symbol="ETHUSDT"),)), "TOO_MANY"),
        (RECORD, replace(AROUND, memory_mib=1200), "TOO_MANY"),
        (RECORD, replace(AROUND, conditional=7), "TOO_MANY"),
        (DEMO, replace(AROUND, account_environment=Environment.DEMO, overdrawn="the address"), "TOO_MANY"),
        (RECORD, replace(AROUND, running=(OTHER,)), "DUPLICATE"),
        (
            DEMO,
            replace(
                AROUND,
                account_environment=Environment.DEMO,
                running=(replace(DEMO, uid="yyyyyyyy", name="other", play_digest="f" * 64),),
            ),
            "SYMBOL_TAKEN",
        ),
        (replace(RECORD, mode=Mode.SHADOW), replace(AROUND, public_feed=False), "NO_FEED"),
    ],
)
def test_the_first_reason_is_told(record: InstanceRecord, around: Circumstances, code: str) -> None:
    refused = admit(record, around)
    assert refused is not None
    assert refused.code == code
    assert refused.text


def test_a_symbol_that_is_only_read_must_be_there_too() -> None:
    assert admit(RECORD, replace(AROUND, reference="ETHUSDT", market_symbols=("BTCUSDT", "ETHUSDT"))) is None
    assert admit(RECORD, replace(AROUND, reference="ETHUSDT", market_symbols=None)) is None
    refused = admit(RECORD, replace(AROUND, reference="ETHUSDT"))
    assert refused is not None
    assert refused.text == "the market has no ETHUSDT, which the Play reads; there are: BTCUSDT"


def test_the_same_play_may_run_in_two_modes() -> None:
    assert admit(RECORD, replace(AROUND, running=(replace(OTHER, mode=Mode.SHADOW),))) is None


def test_two_accounts_with_keys_are_two_also_where_no_money_is_in_them() -> None:
    at_first, at_second = (replace(RECORD, account=alias) for alias in ("lab-1", "lab-2"))
    second = replace(at_second, uid="zzzzzzzz", name="beta")
    assert admit(at_first, replace(AROUND, running=(second,))) is None
    same = admit(at_first, replace(AROUND, running=(replace(second, account="lab-1", symbol="ETHUSDT"),)))
    assert same is None
    taken = admit(at_first, replace(AROUND, running=(replace(second, account="lab-1"),)))
    assert taken is not None
    assert taken.code == "SYMBOL_TAKEN"


def test_reads_without_streams_stay_below_half_of_every_limit() -> None:
    streams, recon, rate = Streams(), Recon(), Rate()
    hundred = [("main", f"S{number}USDT") for number in range(100)]
    assert overdrawn([], streams, recon, rate) == overdrawn(hundred, streams, recon, rate) == ""
    narrow = rate.model_copy(update={"usable": 0.1})
    assert "/v5/order/realtime of account main is 5 a second" in overdrawn(hundred * 3, streams, recon, narrow)
    many = [(f"account-{number}", "BTCUSDT") for number in range(60)]
    assert "the address is 96 a second" in overdrawn(many, streams, recon, rate)


def test_what_to_do_about_a_changed_play_depends_on_who_declared_it() -> None:
    changed = replace(AROUND, present_digest="e" * 64)
    by_command, by_file = admit(RECORD, changed), admit(replace(RECORD, declared=True), changed)
    assert by_command is not None
    assert by_command.hint == "stop flat, remove and add it again"
    assert by_file is not None
    assert by_file.hint == "the next start of the daemon takes the new one, once it is flat"
