"""
What the gates had before them at each entry that was decided, let through or refused: kept, so that they can be asked again.

A case is written as flat values in the transaction of its intent, or of its bar's verdict. Limits and rules of the symbol
stand once, under the digest of their text. Asked again, the same gates give the same answers; where a program with other gates
answers otherwise, that is said.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from playd import __version__
from playd.core.instrument import Instrument
from playd.core.orders import Intent
from playd.orders.flat_values import flat, unflat
from playd.orders.gates import AccountFacts, Case, GateInputs, Refusal
from playd.orders.ledger import Ledger
from playd.orders.on_record import LIMITS, RULES, OnRecord
from playd.orders.pipeline import PIPELINE, explain
from playd.orders.settings import OrderSettings

VERSION: Final = 1
"""Of the form in which cases are kept."""

Answers = list[tuple[str, Refusal | None]]
"""Each gate by its name with what it says, in their order; None: it passes."""

_CODES: Final = frozenset(code for step in PIPELINE for code in step.codes)
PASSED: Final = ""
"""Said of an entry that was let through."""

Kept = tuple[str, int, int, str]
"""A row of `judged`: instance, close of the bar, whether it was let through, the case."""


@dataclass(frozen=True, slots=True)
class Again:
    """
    The gates asked again about a kept case.

    `program` is the version that decided, `said` what it answered then: a code, empty where the entry was let through.
    `answers` is None where this program cannot read what that one kept; `note` says so, or where the answers differ.
    """

    program: str
    said: str
    answers: Answers | None
    note: str = ""


class Judged:
    """The judged entries of one ledger."""

    def __init__(self, ledger: Ledger, on_record: OnRecord) -> None:
        self._ledger = ledger
        self._on_record = on_record

    def told(self, case: Case, said: str) -> Kept:
        """A case as it is kept; `said` is the code that refused it, else `PASSED`. Not inside a step that may be undone."""
        intent = case.intent
        body = {
            "v": VERSION,
            "program": __version__,
            "said": said,
            "limits": self._on_record.key(LIMITS, case.settings),
            "rules": self._on_record.key(RULES, case.instrument),
            "intent": flat(intent),
            "inputs": flat(case.inputs),
            "facts": flat(case.facts),
        }
        return intent.instance_uid, intent.bar_close_ms, int(said == PASSED), orjson.dumps(body).decode()

    def keep(self, told: Kept) -> None:
        """Write a case down beside its intent or verdict. Like a verdict the first one of a bar stands. Commits nothing."""
        self._ledger.write("INSERT OR IGNORE INTO judged VALUES (?,?,?,?)", told)

    def find(self, instance_uid: str, close_ms: int) -> Again | None:
        """The gates asked again about the entry that a bar decided; None when nothing of it is kept."""
        row = self._ledger.row("SELECT body FROM judged WHERE instance = ? AND close_ms = ?", (instance_uid, close_ms))
        if row is None:
            return None
        body: dict[str, Any] = orjson.loads(row["body"])
        program, said = str(body["program"]), str(body["said"])
        try:
            case = self._case(body)
        except (ValueError, LookupError, ArithmeticError, TypeError) as error:
            note = f"kept by playd {program} in form {body['v']}; playd {__version__} cannot read it: {error}"
            return Again(program, said, None, note)
        answers = explain(case)
        return Again(program, said, answers, _difference(program, said, answers))

    def _case(self, body: dict[str, Any]) -> Case:
        if body["v"] != VERSION:
            raise ValueError(f"expected form {VERSION}")
        return Case(
            unflat(Intent, body["intent"]),
            unflat(GateInputs, body["inputs"]),
            unflat(AccountFacts, body["facts"]),
            self._on_record.read(Instrument, body["rules"]),
            self._on_record.read(OrderSettings, body["limits"]),
        )


def _difference(program: str, said: str, answers: Answers) -> str:
    """What is to be said where the first refusal is not what it was."""
    if said != PASSED and said not in _CODES:
        return f"no gate refused it: {said}"
    now = next((refusal.code for _, refusal in answers if refusal is not None), PASSED)
    if now == said:
        return ""
    return f"playd {program} said {said or 'passed'}, playd {__version__} says {now or 'passed'}"
