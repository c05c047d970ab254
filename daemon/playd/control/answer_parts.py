"""
What answers of the control socket are made of: figures, times, amounts, and what several answers share.

The modules `*_answers` declare what each method answers. A method names its answer as its return type, so that the type checker
holds the code to it; the schemas in `config/schema/control/` are made from the same declarations. Keys are only ever added.
"""

from typing import Annotated, Any, Final, Literal, NotRequired

from typing_extensions import TypedDict


class Pattern:
    """Says of a text what it looks like. It is no field of pydantic's, whose import takes longer than a panic may wait."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return handler(schema) | {"pattern": self.pattern}


TIME: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"
AMOUNT: Final = r"^-?\d+(\.\d+)?$"

Time = Annotated[str, Pattern(TIME)]
"""UTC with milliseconds, such as `2024-01-31T08:00:00.000Z`."""

Amount = Annotated[str, Pattern(AMOUNT)]
"""Money, a price or a quantity: decimal text without exponent."""

Seconds = float
"""An age or a duration in seconds."""

Mode = Annotated[str, Pattern("^(|backtest|shadow|paper|demo|live)$")]
"""What an account or an instance is traded in; empty where nobody knows any more."""

Side = Literal["long", "short"]
Check = Annotated[str, Pattern("^(pass|fail|unknown|n/a|waived)$")]
"""What a check came to."""

Scalar = int | float | str | bool | None
"""A value of a column as a Play sees it; null where it is missing."""


class Figure(TypedDict):
    """
    One figure. `value` is null where it is unknown or where there is none; `why` then says which.

    `age_s` is the time since `source` last said so, null when it never did.
    """

    value: Amount | None
    unit: str
    source: Literal["venue", "ledger", "computed", "stream"]
    age_s: Seconds | None
    why: NotRequired[str]


class Head(TypedDict):
    """The newest record of a journal."""

    seq: int
    hash: str


class Reason(TypedDict):
    """Why a state is not `running`; `since` when that holds, where it is known."""

    code: str
    text: str
    since: NotRequired[Time | None]


class Warned(TypedDict):
    """Something beside the answer that a person should know."""

    code: str
    text: str


class Fault(TypedDict):
    """What went wrong about one of many."""

    reason: str
    hint: str
    scope: str
    details: dict[str, Any]


class Error(TypedDict):
    """An error as a call alone would have got it."""

    code: int
    message: str
    data: Fault
