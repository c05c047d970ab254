"""The submit protocol as data: total, and never sending a doubtful entry again."""

from itertools import product

import pytest

from playd.core.orders import IntentClass
from playd.core.reply_codes import ReplyClass, classify
from playd.orders.submit_table import REACTION, Reaction, react

AGAIN = {Reaction.AGAIN_LATER, Reaction.RESYNC, Reaction.UNKNOWN_REPEAT, Reaction.NEXT_RUNG, Reaction.KEEP_TRYING}


@pytest.mark.parametrize(("intent_class", "reply_class"), [*product(REACTION, ReplyClass)])
def test_every_pair_has_a_reaction(intent_class: IntentClass, reply_class: ReplyClass) -> None:
    assert react(intent_class, reply_class) in Reaction


def test_an_entry_goes_out_again_only_after_answers_that_prove_no_effect() -> None:
    again = {reply for reply in ReplyClass if react(IntentClass.ENTRY, reply) in AGAIN}

    assert again == {ReplyClass.LATER, ReplyClass.CLOCK}


@pytest.mark.parametrize("code", [10000, 10014, 10016, 10429, 110035, 987654, 5004])
def test_doubt_is_never_taken_for_a_refusal(code: int) -> None:
    assert react(IntentClass.ENTRY, classify(code)) is Reaction.UNKNOWN
    assert react(IntentClass.EXIT, classify(code)) is Reaction.UNKNOWN_REPEAT


def test_a_known_link_id_means_that_the_first_attempt_got_through() -> None:
    assert react(IntentClass.ENTRY, classify(110072)) is Reaction.UNKNOWN
    assert react(IntentClass.EXIT, classify(110072)) is Reaction.UNKNOWN


def test_an_exit_is_never_given_up() -> None:
    final = {reply for reply in ReplyClass if react(IntentClass.EXIT, reply) is Reaction.REFUSED}

    assert final == set()
