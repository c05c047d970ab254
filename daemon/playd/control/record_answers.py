"""What the methods answer that tell what was: orders, results, reconciliations, comparisons, explanations."""

from typing import Any, NotRequired

from typing_extensions import TypedDict

from playd.control.answer_parts import Figure, Scalar, Seconds, Time


class Step(TypedDict):
    """One step of an order's way, `ms` milliseconds behind the first."""

    time: Time
    ms: int
    step: str
    what: str


class Why(TypedDict):
    """The story of one order."""

    link_id: str
    venue_order_id: str
    instance: str
    account: str
    symbol: str
    state: str
    parent: str | None
    intent: str | None
    play_digest: str | None
    steps: list[Step]


class PnlRow(TypedDict):
    """Results of one day, instance or symbol in USDT."""

    key: str
    realised: Figure
    unrealised: Figure
    fees: Figure
    funding: Figure
    net: Figure
    trades: int
    wins: int
    drawdown: Figure


class ReconRow(TypedDict):
    """One reconciliation that is over."""

    run: int
    time: Time
    account: str
    trigger: str
    result: str
    kinds: str
    duration_ms: int
    differences: str


DifferenceRow = TypedDict(
    "DifferenceRow",
    {"account": str, "class": str, "symbol": str, "ours": str, "theirs": str, "value": str | None, "plan": str},
)
"""One difference, and what is planned about it; `value` is its worth in USDT where it has one. In this form for `class`."""


class Unread(TypedDict):
    """An account that could not be read, and why."""

    account: str
    reason: str


class Reconciled(TypedDict):
    """What reconciliations of one or more accounts came to."""

    result: str
    differences: list[DifferenceRow]
    accounts: list[str]
    unread: list[Unread]


class ReadPage(TypedDict):
    """One page that was read of a venue."""

    endpoint: str
    asked: Time
    answered: Time
    rows: int
    failure: str | None


class Replayed(TypedDict):
    """A kept reconciliation, judged and planned again; `same` when that comes to the plan of then."""

    run: int
    account: str
    same: bool
    differences: list[DifferenceRow]
    planned_then: list[str]
    version: str | None
    failure: str | None
    pages: list[ReadPage]


class Alike(TypedDict):
    """Bars of that time which the instance has on record, and those of them with the verdict of the backtest."""

    itself_bars: int
    itself_alike: int


class ParityRow(TypedDict):
    """The comparison of one instance's Play with a backtest. Where nothing was compared, `what` says why, and that is all."""

    name: str
    result: str
    what: str
    days: NotRequired[list[str]]
    decisions: NotRequired[int | None]
    hash: NotRequired[str]
    evidence: NotRequired[str]
    age_s: NotRequired[Seconds | None]
    expires: NotRequired[Time]
    difference: NotRequired[dict[str, Any] | None]
    itself_bars: NotRequired[int]
    itself_alike: NotRequired[int]


class Compared(TypedDict):
    """What recorded days came to, an instance a row."""

    rows: list[ParityRow]


# --- explanations ---------------------------------------------------------------------------------------------------------


class BarRow(TypedDict):
    """One close of the decision clock; `value` and `limit` are the operands of the clause that stopped an entry."""

    time: Time
    bar: int
    verdict: str | None
    said: str
    clause: str | None
    text: str | None
    value: Scalar
    limit: Scalar
    detail: str


class Missing(TypedDict):
    """Why a value is missing."""

    reason: str
    cause: str


class Operand(TypedDict):
    """One side of a comparison at this bar and at the one before."""

    text: str
    value: Scalar
    previous: Scalar


class Node(TypedDict):
    """One node of a rule; `truth` null: it cannot be said."""

    path: str
    kind: str
    text: str
    truth: bool | None
    missing: Missing | None
    operands: list[Operand]
    children: list["Node"]


class Stopper(TypedDict):
    """The clause that stopped an action."""

    clause: str
    text: str
    truth: bool | None


class ActionRow(TypedDict):
    """One action with its tree."""

    action: str
    truth: bool | None
    fired: list[str]
    stopped_by: Stopper | None
    tree: Node


class ExplainedBar(BarRow):
    """One close with the condition tree of every action."""

    actions: list[ActionRow]


class VerdictCount(TypedDict):
    """Bars with one verdict; shares are percent."""

    verdict: str
    said: str
    clause: str | None
    text: str | None
    bars: int
    share_pct: float


class ClauseCount(TypedDict):
    """One clause over a stretch of bars; `alone` are those at which it alone was missing."""

    action: str
    clause: str
    text: str
    true: int
    false: int
    missing: int
    alone: int
    alone_pct: float


class Statistics(TypedDict):
    """Verdicts and clauses over a stretch of bars."""

    bars: int
    first: Time
    last: Time
    verdicts: list[VerdictCount]
    clauses: list[ClauseCount]


class GateRow(TypedDict):
    """What one gate says to an entry: `value` against `limit` in `unit`."""

    gate: str
    passed: bool
    code: str
    text: str
    value: str
    limit: str
    unit: str
    age_s: Seconds | None
    next_possible: Time | None


class JudgedEntry(TypedDict):
    """The entry that gates judged: what became of it, and what the program of then answered."""

    time: Time
    verdict: str | None
    detail: str
    program: str
    said: str
    note: str


class Gates(TypedDict):
    """The gates asked again about a judged entry; null where none was judged, or its case is not kept."""

    gates: list[GateRow] | None
    judged: JudgedEntry | None


class LastGate(TypedDict):
    """What the gates said to the newest entry."""

    time: Time
    verdict: str
    said: str
    detail: str


class Explained(Gates):
    """Why an instance acted or did not: one bar, lines of bars, or counts; what was not asked for is null."""

    instance: str
    play: str
    symbol: str
    timeframe: str | None
    explanation: ExplainedBar | None
    no_columns: str | None
    bars: list[BarRow] | None
    statistics: Statistics | None
    last_gate: LastGate | None
