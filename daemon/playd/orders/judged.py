"""
What the gates had before them at each entry that was decided, let through or refused: kept, so that they can be asked again.

A case is written as flat values, compressed: that of an entry in the transaction of its intent; that of a refusal a moment
after its bar's verdict, so that no order waits for it. Limits and rules of the symbol stand once, under the digest of their
text. Asked again, the same gates give the same answers; where a program with other gates answers otherwise, that is said.
"""

import zlib
from collections import deque
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

VERSION: Final = 2
"""Of the form in which cases are kept. In form 1 positions and orders had no index; it is read as that of one-way mode."""

REFUSED_KEPT: Final = 200
"""
Refused entries of an instance whose case is kept: more than three hours of one that is refused every minute. Each bar's verdict
says in words what the first gate said, for as long as bars are kept.
"""

REFUSED_BYTES: Final = 256 * 1024
"""Of an instance: where its cases are so wide that fewer fit in, fewer are kept."""

WAITING: Final = 200
"""Refused cases that wait to be written; the oldest of more is not kept."""

AT_ONCE: Final = 10
"""Of those in one go: some milliseconds, wide as they may be."""

Answers = list[tuple[str, Refusal | None]]
"""Each gate by its name with what it says, in their order; None: it passes."""

_CODES: Final = frozenset(code for step in PIPELINE for code in step.codes)
_UNKNOWN: Final = "unknown"
PASSED: Final = ""
"""Said of an entry that was let through."""

Kept = tuple[str, int, int, bytes]
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
        self._waiting: deque[tuple[Case, str]] = deque(maxlen=WAITING)

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
        return intent.instance_uid, intent.bar_close_ms, int(said == PASSED), zlib.compress(orjson.dumps(body), 1)

    def keep(self, told: Kept) -> None:
        """Write a case down. Like a verdict the first one of a bar stands. Commits nothing."""
        self._ledger.write("INSERT OR IGNORE INTO judged (instance, close_ms, entered, body) VALUES (?,?,?,?)", told)

    def refused(self, case: Case, code: str) -> None:
        """Remember what a gate refused until `write_refused`. An exit may be due before that, and it does not wait."""
        self._waiting.append((case, code))

    def write_refused(self) -> bool:
        """Write the next refused cases and drop what is beyond those kept; whether there were any. Commits nothing."""
        count = min(AT_ONCE, len(self._waiting))
        for _ in range(count):
            told = self.told(*self._waiting.popleft())
            self.keep(told)
            self._drop_beyond(told)
        return count > 0

    def _drop_beyond(self, told: Kept) -> None:
        instance_uid, width = told[0], len(told[3])
        kept = min(REFUSED_KEPT, max(1, REFUSED_BYTES // width))
        beyond = "SELECT close_ms FROM judged WHERE instance = ? AND entered = 0 ORDER BY close_ms DESC LIMIT ? OFFSET ?"
        self._ledger.write(
            f"DELETE FROM judged WHERE instance = ? AND entered = 0 AND close_ms IN ({beyond})",
            (instance_uid, instance_uid, AT_ONCE, kept),
        )

    def newest_ms(self, instance_uid: str) -> int | None:
        """The last bar that decided an entry whose case is kept."""
        row = self._ledger.row("SELECT max(close_ms) AS at FROM judged WHERE instance = ?", (instance_uid,))
        return None if row is None or row["at"] is None else int(row["at"])

    def body(self, instance_uid: str, close_ms: int) -> dict[str, Any] | None:
        """A case as it is kept; None when there is none. Raises `ValueError` for one that another program wrote otherwise."""
        row = self._ledger.row("SELECT body FROM judged WHERE instance = ? AND close_ms = ?", (instance_uid, close_ms))
        return None if row is None else unpacked(row["body"])

    def find(self, instance_uid: str, close_ms: int) -> Again | None:
        """The gates asked again about the entry that a bar decided; None when nothing of it is kept."""
        program, said, form = _UNKNOWN, _UNKNOWN, _UNKNOWN
        try:
            body = self.body(instance_uid, close_ms)
            if body is None:
                return None
            form, program, said = str(body["v"]), str(body["program"]), str(body["said"])
            answers = explain(self._case(body))
        except (ValueError, LookupError, ArithmeticError, TypeError, AttributeError) as error:
            note = f"kept by playd {program} in form {form}; playd {__version__} cannot read it: {error}"
            return Again(program, said, None, note)
        return Again(program, said, answers, _difference(program, said, answers))

    def _case(self, body: dict[str, Any]) -> Case:
        if body["v"] not in (1, VERSION):
            raise ValueError(f"expected form {VERSION}")
        return Case(
            unflat(Intent, body["intent"]),
            unflat(GateInputs, body["inputs"]),
            unflat(AccountFacts, _indexed(body["facts"]) if body["v"] == 1 else body["facts"]),
            self._on_record.read(Instrument, body["rules"]),
            self._on_record.read(OrderSettings, body["limits"]),
        )


def unpacked(stored: bytes) -> dict[str, Any]:
    """The case in a row of `judged`. Raises `ValueError`."""
    try:
        return {**orjson.loads(zlib.decompress(stored))}
    except (zlib.error, TypeError) as error:
        raise ValueError(f"no case of form {VERSION}: {error}") from error


def _indexed(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts of form 1 as they are kept now."""
    return {**facts, **{name: [{"position_idx": 0, **each} for each in facts[name]] for name in ("holdings", "working")}}


def _difference(program: str, said: str, answers: Answers) -> str:
    """What is to be said where the first refusal is not what it was."""
    if said != PASSED and said not in _CODES:
        return f"no gate refused it: {said}"
    now = next((refusal.code for _, refusal in answers if refusal is not None), PASSED)
    if now == said:
        return ""
    return f"playd {program} said {said or 'passed'}, playd {__version__} says {now or 'passed'}"
