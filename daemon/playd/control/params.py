"""What each method takes, as frozen models: unknown names, wrong types and missing values are refused before anything runs."""

from typing import Annotated, Any, Final, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

NAME: Final = r"^[a-z0-9][a-z0-9-]{0,31}$"
SYMBOL: Final = r"^[A-Z0-9-]{2,32}$"
CODE: Final = r"^\d{6}$"
DATE: Final = r"^\d{4}-\d{2}-\d{2}$"
HEAD: Final = r"^\d+:[0-9a-f]{64}$"

FORMS: Final = {
    NAME: "up to 32 small letters, digits and dashes, such as ema-cross",
    SYMBOL: "a symbol in capital letters, such as BTCUSDT",
    CODE: "the six digits that arrived",
    DATE: "a UTC date, such as 2024-01-31",
    HEAD: "a published head, its number and its hash of 64 digits: 1204:9f…e1",
}
"""What each pattern asks for, in words."""

LAST_MS: Final = 253_402_300_799_999
"""The last moment of the year 9999, behind which no date can be written."""

Name = Annotated[str, Field(pattern=NAME)]
Moment = Annotated[int, Field(ge=0, le=LAST_MS)]
"""Epoch ms."""

Number = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""As the ledger can hold it."""

LineNumber = Annotated[str, Field(pattern=r"^\d{1,18}$")]
"""`seq` of a record, `n` of a line: those before it are asked for."""

RequestId = Annotated[str, Field(min_length=1, max_length=64)]


class Params(BaseModel):
    """Base of all parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Changing(Params):
    """A call with an effect: `request_id` makes repeating it safe."""

    request_id: RequestId


class Nothing(Params):
    """No parameters."""


class Hello(Params):
    client: str = Field(max_length=64)
    protocol: int


class StreamFilter(Params):
    """
    Which messages are wanted, None for all. `level` and above, of log lines; `severity` of records about incidents.

    `kind` is a glob over the kind of a record (`order.*`), the event of a line or of a fill, a verdict, or the state that an
    instance went to.
    """

    instance: str | None = None
    account: str | None = None
    symbol: str | None = None
    level: Literal["debug", "info", "warning", "error", "critical"] | None = None
    severity: Literal["warning", "critical"] | None = None
    kind: str | None = None


class Subscribe(Params):
    """
    `status`: changes of state of instances; `events`: records of the journal; `logs`: lines; `fills`, whoever's they are, and
    fundings of instances that run; `verdicts` of closed bars. `instance` is the same as `filter.instance`.
    """

    topics: list[Literal["status", "events", "logs", "fills", "verdicts"]] = Field(min_length=1)
    instance: str | None = None
    filter: StreamFilter = StreamFilter()


class Unsubscribe(Params):
    id: str


class Target(Params):
    """`target`: a name, a glob, or a selector `mode=`, `symbol=`, `account=`, `state=`. None is all."""

    target: str | None = None


class Selector(Params):
    selector: str | None = None


class ByName(Params):
    name: str


class Rows(Params):
    """Filters of the record lists. `cursor` is what the page before returned."""

    account: str | None = None
    symbol: str | None = None
    owner: str | None = None
    state: Literal["open", "all"] | None = None
    since_ms: Moment | None = None
    cursor: str | None = None


class Add(Changing):
    name: Name
    play: str = Field(max_length=4096)
    mode: Literal["shadow", "paper", "demo", "live"]
    account: str = ""
    capital_usd: str | None = None
    risk: dict[str, Any] = Field(default_factory=dict)


class Remove(Changing):
    name: str


class SetEnabled(Changing):
    name: str
    enabled: bool


class Start(Changing):
    name: str
    confirm: str = ""


class Restart(Changing):
    name: str


class ConfigCheck(Params):
    """`content`: the text of a main file that is looked at in place of the one that is there; faults call it `name`."""

    content: str | None = Field(default=None, max_length=200_000)
    name: str = Field(default="content", max_length=4096)


class Reload(Changing):
    """`confirm`: the phrase, when a limit gets looser."""

    confirm: str = ""


class Doctor(Changing):
    """`fix`: mend what needs no judgement first."""

    fix: bool = False


class Preflight(Params):
    """`name`: an instance, on `account` if that is given too; else the first one of `account`."""

    name: str | None = None
    account: str | None = None


class Readiness(Params):
    """`rung`: the step of capital that is asked for, the first one when it is left out."""

    name: str
    rung: Literal["", "micro", "quarter", "full"] = ""


class Arm(Changing):
    """`days`: how long, the most there may be when it is left out. `confirm` is the phrase."""

    name: str
    days: int | None = Field(default=None, ge=1, le=7)
    confirm: str = ""


class Disarm(Changing):
    name: str


class Waive(Changing):
    check: str = Field(max_length=64)
    until_ms: Moment
    reason: str = Field(min_length=1, max_length=500)
    confirm: str = ""


class ImportEvidence(Changing):
    """`content`: the text of an evidence file."""

    content: str = Field(max_length=200_000)


class Stop(Changing):
    """`variant` is needed while a position is open in demo or live: `keep`, `manage` or `flatten`."""

    target: str
    variant: Literal["keep", "manage", "flatten"] | None = None


class ResetFailed(Changing):
    name: str


class RaiseHalt(Changing):
    scope: str
    level: Literal["pause", "halt", "cancel", "freeze"]
    reason: str = Field(default="", max_length=500)
    confirm: str = ""


class LiftHalt(Changing):
    scope: str
    reason: str = Field(default="", max_length=500)
    confirm: str = ""


class Panic(Changing):
    scope: str
    reason: str = Field(default="", max_length=500)
    confirm: str = ""


class Reconcile(Changing):
    account: str | None = None
    dry_run: bool = False


class Intents(Params):
    unresolved: bool = False


class Explain(Params):
    """
    The bar that had closed at `at_ms` of market time (default: the newest), or a line for each of the `last` bars.

    With `stats` counts over the newest bars instead, over `last` of them if that is given.
    """

    name: str
    at_ms: Moment | None = None
    last: int | None = Field(default=None, ge=1, le=10_000)
    stats: bool = False


class Incidents(Params):
    """`state`: `open` (acknowledged ones too), `resolved` or `all`."""

    state: Literal["open", "resolved", "all"] = "open"
    severity: Literal["warning", "critical"] | None = None


class ById(Params):
    id: str = Field(max_length=64)


class Noted(Changing):
    """`id`: an incident's name, its number, or the kind of the only open one."""

    id: str = Field(max_length=64)
    note: str = Field(min_length=1, max_length=500)


class AlertId(Changing):
    id: Number


class AlertTest(Changing):
    route: str | None = None


class AlertVerify(Changing):
    code: str = Field(pattern=CODE)


class Make(Changing):
    """No parameters but the request id."""


class Verify(Params):
    """`from` a UTC date, as `since` too; `anchor` a published head, `SEQ:HASH`."""

    since: str | None = Field(default=None, pattern=DATE, validation_alias=AliasChoices("from", "since"))
    anchor: str | None = Field(default=None, pattern=HEAD)


class LinkId(Params):
    """`link_id`: of ours, or the venue's id of an order."""

    link_id: str = Field(min_length=1, max_length=64)


class Pnl(Params):
    """
    Results of executions with `from_ms` <= market time < `to_ms`. `target` is what `status` takes, of the instances that there
    are; `owner` one instance, also one that was removed.
    """

    target: str | None = None
    by: Literal["day", "play", "symbol"] = "day"
    from_ms: Moment | None = None
    to_ms: Moment | None = None
    account: str | None = None
    symbol: str | None = None
    owner: str | None = None


class CancelOrder(Changing):
    """
    `id`: link id of an order, or the venue's id. `confirm` is the phrase for real money and for orders that are not ours, with
    `preview` the letter y for all others.
    """

    id: str = Field(min_length=1, max_length=64)
    preview: bool = False
    confirm: str = ""


class ClosePosition(Changing):
    """
    `pct`: how much of it, above 0 and at most 100. `confirm` is the phrase with real money, the letter y without, if `preview`.
    """

    account: str
    symbol: str
    pct: str = "100"
    preview: bool = False
    confirm: str = ""


class ResetState(Changing):
    """`confirm` is the phrase."""

    name: str
    confirm: str = ""


class Adopt(Changing):
    """`to`: the instance; `stop`: a price, else the stop at the venue. `confirm` is always needed."""

    symbol: str = Field(pattern=SYMBOL)
    to: str
    account: str | None = None
    stop: str | None = Field(default=None, max_length=40)
    confirm: str = ""


class AcceptDifference(Changing):
    """
    `price`: of what the books have and the venue has not, in USDT; with `far` also one that is far from all that are known.
    `confirm` is always needed, and names what was shown.
    """

    account: str
    symbol: str = Field(pattern=SYMBOL)
    price: str | None = Field(default=None, max_length=40)
    far: bool = False
    confirm: str = ""


class CloseOrphan(Changing):
    """`id`: of an order or position that nobody here decided, as `orphan.list` has it. `confirm` is always needed."""

    id: str = Field(min_length=1, max_length=96)
    confirm: str = ""


class ReplayRecon(Params):
    """`run`: number of a reconciliation that was no match, as `recon.list` has it."""

    run: Number


class ParityRun(Changing):
    """
    The UTC day `date` of the instances that `target` means, or the `days` that end with it; without a date the newest `days`
    that were recorded, 5 if nobody says how many.
    """

    target: str | None = None
    date: str | None = Field(default=None, pattern=DATE)
    days: int | None = Field(default=None, ge=1, le=60)


class OfAccount(Params):
    account: str


class ReloadKey(Changing):
    account: str


class EventQuery(Params):
    """
    Filters of journal records. `kind` is a glob such as `order.*`; `instance` a name or uid; `order` and `intent` are ids that
    stand in the record.
    """

    kind: str | None = None
    instance: str | None = None
    account: str | None = None
    symbol: str | None = None
    order: str | None = None
    intent: str | None = None
    grep: str | None = None
    since_ms: Moment | None = None
    until_ms: Moment | None = None
    limit: int = Field(default=100, ge=1, le=5000)
    cursor: LineNumber | None = None


class LogQuery(Params):
    """Filters of log lines, see `log_lines.LineFilter`."""

    instance: str | None = None
    account: str | None = None
    symbol: str | None = None
    order: str | None = None
    intent: str | None = None
    level: str | None = None
    event: str | None = None
    grep: str | None = None
    since_ms: Moment | None = None
    until_ms: Moment | None = None
    limit: int = Field(default=100, ge=1, le=10_000)
    cursor: LineNumber | None = None
