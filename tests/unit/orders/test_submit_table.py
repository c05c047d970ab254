"""The submit protocol as data: total, and never sending a doubtful entry again."""

from itertools import product

import pytest

from playd.core.orders import IntentClass
from playd.core.reply_codes import REPLY_CLASS, ReplyClass, classify
from playd.orders.submit_table import REACTION, Reaction, react

AGAIN = {Reaction.AGAIN_LATER, Reaction.RESYNC, Reaction.UNKNOWN_REPEAT, Reaction.NEXT_RUNG, Reaction.KEEP_TRYING}


@pytest.mark.parametrize(("intent_class", "reply_class"), [*product(REACTION, ReplyClass)])
def test_every_pair_has_a_reaction(intent_class: IntentClass, reply_class: ReplyClass) -> None:
    assert react(intent_class, reply_class) in Reaction


def test_an_entry_goes_out_again_only_after_answers_that_prove_no_effect() -> None:
    again = {reply for reply in ReplyClass if react(IntentClass.ENTRY, reply) in AGAIN}

    assert again == {ReplyClass.LATER, ReplyClass.CLOCK}


DOUBTS = (
    *(429, 5004, 10000, 10014, 10016, 10019, 10403, 10429, 20003, 20006, 40004, 110035, 110079, 987654),
    *(170001, 170007, 170032, 170146, 170147, 500000),
)

ANSWERS = {
    Reaction.TAKEN: (0,),
    Reaction.AGAIN_LATER: (10006, 170005, 170222),
    Reaction.RESYNC: (10002, -1),
    Reaction.UNKNOWN: (
        *(110001, 110008, 110010, 110017, 170213),  # gone: what is there must be looked at
        *(110072, 170141, 10018),  # the first attempt got through; banned
        *(110025, 110026, 110027, 110043, 34040),  # no answer to an order
    ),
    Reaction.REFUSED: (
        *(10001, 110003, 110013, 110048, 110059, 110060, 110064, 110086, 110089, 110090, 110092, 110093, 110094, 110108),
        *(110109, 110118, 110120, 110121, 181017, 170124, 170136, 170140, 170371, 170372),
        *(110004, 110006, 110007, 110012, 110014, 110044, 110045, 110051, 110052, 110053, 170131),
        *(110009, 110020, 110061),
    ),
    Reaction.REFUSED_SYMBOL_HALT: (
        *(10029, 30228, 110021, 110023, 110042, 110063, 110066, 110074, 110100, 110123, 110125, 110132),
    ),
    Reaction.REFUSED_ACCOUNT_HALT: (
        *(10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 33004, -2015, 110124),
        *(110011, 110039, 110040, 110046),
        *(10028, 100028, 110024, 110028, 110029, 110073, 110076, 3400045),
    ),
    Reaction.REFUSED_INCIDENT: (10017, 10404),
}


@pytest.mark.parametrize("reaction", ANSWERS)
def test_every_code_of_the_venue_has_the_reaction_to_an_entry_that_it_asks_for(reaction: Reaction) -> None:
    assert {code: react(IntentClass.ENTRY, classify(code)) for code in ANSWERS[reaction]} == dict.fromkeys(
        ANSWERS[reaction], reaction
    )


def test_no_code_is_known_that_is_not_asked_for() -> None:
    assert set(REPLY_CLASS) == {code for codes in (*ANSWERS.values(), DOUBTS) for code in codes} - {987654}


@pytest.mark.parametrize("code", DOUBTS)
def test_doubt_is_never_taken_for_a_refusal(code: int) -> None:
    assert react(IntentClass.ENTRY, classify(code)) is Reaction.UNKNOWN
    assert react(IntentClass.EXIT, classify(code)) is Reaction.UNKNOWN_REPEAT


def test_a_known_link_id_means_that_the_first_attempt_got_through() -> None:
    assert react(IntentClass.ENTRY, classify(110072)) is Reaction.UNKNOWN
    assert react(IntentClass.EXIT, classify(110072)) is Reaction.UNKNOWN


def test_an_exit_is_never_given_up() -> None:
    final = {reply for reply in ReplyClass if react(IntentClass.EXIT, reply) is Reaction.REFUSED}

    assert final == set()
