"""Columns of what is shown before real money, and of the look at a host."""

from typing import Final

from playd.control.tables import Column, age, word

READINESS: Final = (
    Column("CHECK", word("check")),
    Column("RESULT", word("result")),
    Column("DETAIL", word("detail")),
    Column("EVIDENCE", word("evidence"), wide=True),
    Column("AGE", age("age_s"), right=True, wide=True),
    Column("EXPIRES", word("expires"), wide=True),
    Column("NEXT_POSSIBLE", word("next_possible")),
    Column("FIX", word("fix")),
)

EVIDENCE: Final = (
    Column("ID", word("id")),
    Column("KIND", word("kind")),
    Column("SUBJECT", word("subject")),
    Column("PASSED", word("passed")),
    Column("AGE", age("age_s"), right=True),
    Column("EXPIRES", word("expires")),
)

CHECKUP: Final = (
    Column("CHECK", word("check")),
    Column("RESULT", word("result")),
    Column("AGE", age("age_s"), right=True, wide=True),
    Column("DETAIL", word("detail")),
    Column("FIX", word("fix")),
)
