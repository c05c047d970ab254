"""From the text of a file to a checked Play, or to every reason why it is none."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from playd.core.canonical import digest
from playd.core.errors import Broken, PlayError
from playd.plays.actions import ActionReader, read_setups
from playd.plays.anchors import with_swings
from playd.plays.contract import Sections, check_contract
from playd.plays.document import Leaf, Map, Sequence, document_steps, kind_of
from playd.plays.evaluation import evaluation
from playd.plays.expressions import ExpressionReader
from playd.plays.extent import refuse_endless
from playd.plays.features import read_features
from playd.plays.findings import IMPORTABLE, Report
from playd.plays.model import Play, Scalar
from playd.plays.names import MINUTE_PRICES, REFERENCE_ID, Names
from playd.plays.normal_form import (
    NOT_HASHED,
    Node,
    account_form,
    backtest_form,
    block_form,
    deploy_form,
    entry_form,
    expression_form,
    feature_form,
    policy_form,
    reference_form,
    risk_form,
    structure_form,
    timeframes_form,
    trial_forms,
)
from playd.plays.older_names import is_this_version
from playd.plays.policy import read_policy
from playd.plays.questions import Question, question_steps
from playd.plays.reader import Section
from playd.plays.risk import has_risk, read_risk
from playd.plays.risk_sense import RiskSense
from playd.plays.sections import read_account, read_backtest, read_deploy, read_entry, read_timeframes
from playd.plays.steps import Steps, whole
from playd.plays.structures import StructureReader
from playd.plays.suspicions import warn_of_rules
from playd.plays.tables import SECOND_SYMBOL, TOP
from playd.plays.trial import read_trial
from playd.plays.variables import substitute

VERSION: Final = "3.0.0"
NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
"""What a Play may be called: its instance and its files carry it."""

UNANSWERED: Final = "W604"
"""Code of the warning of an import's question."""

_SYMBOL: Final = re.compile(r"[A-Z0-9]+USDT\Z")


def decode_play(data: bytes, source: str) -> str:
    """The text of a Play file. Raises `PlayError` when the bytes are not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = data.count(b"\n", 0, error.start) + 1, error.start - data.rfind(b"\n", 0, error.start)
        advice = "this looks like a binary file" if b"\0" in data else "save the file in that encoding"
        text = f"{source}:{line}:{column}: E100: found byte 0x{data[error.start]:02x}, expected UTF-8 text: {advice}"
        raise PlayError([text]) from None


def load_play(text: str, source: str, overrides: Mapping[str, Scalar] | None = None) -> Play:
    """
    The checked Play in `text`.

    `source` names the text in findings. `overrides` replace values of declared variables before anything is checked.
    Raises `PlayError` with every finding at once, top of the file first.
    """
    return whole(load_steps(text, source, overrides))


def load_steps(text: str, source: str, overrides: Mapping[str, Scalar] | None = None) -> Steps[Play]:
    """`load_play` in steps."""
    play, report = yield from _check_steps(text, source, overrides)
    if play is None:
        raise PlayError(report.lines("E"))
    return play


def check_play(text: str, source: str, overrides: Mapping[str, Scalar] | None = None) -> tuple[Play | None, Report]:
    """As `load_play`, and every finding, warnings included. The Play is None when one of them is an error."""
    return whole(_check_steps(text, source, overrides))


def _check_steps(text: str, source: str, overrides: Mapping[str, Scalar] | None) -> Steps[tuple[Play | None, Report]]:
    report = Report(source)
    root = yield from document_steps(text, report)
    if root is None or not _version_fits(root, report):
        return None, report
    waiting = [
        one for one in (yield from question_steps(text, root)) if not one.answered
    ]  # sealed as written, variables and all
    yield
    root, _ = yield from substitute(root, overrides or {}, report)
    yield
    play = yield from _read(Section(root, TOP, "", report, mark=root.mark), text, source, report)
    if report.failed:
        report.withdraw("W602")  # what nothing uses is known of a Play that could be read whole
        return None, report
    _warn_of_questions(waiting, report)
    if not _is_whole(root, play):
        raise Broken(f"{source}: an action was read without a finding and is not in the Play")
    yield
    return _identified(replace(play, warnings=tuple(report.lines("W")))), report


def _warn_of_questions(waiting: list[Question], report: Report) -> None:
    for question in waiting:
        found = f"found the question of an import `{question.text}`, expected its answer below it, or no comment"
        report.add(UNANSWERED, question.mark, "", found)


def _is_whole(root: Map, play: Play) -> bool:
    """Whether every action that is written is in the Play: a reader that gives up must say so."""
    item = root.get("actions")
    written = len(item.entries) if isinstance(item, Map) else len(item.items) if isinstance(item, Sequence) else 0
    return len(play.actions) == written


def on_symbol(play: Play, symbol: str) -> Play:
    """
    The same Play for another symbol, with the hash of that.

    Raises `PlayError` for what is no linear USDT perpetual, and for the symbol that the Play reads beside its own.
    """
    if not _SYMBOL.match(symbol):
        raise PlayError([f'{play.source}: E201 symbol: found "{symbol}", expected a linear USDT perpetual like BTCUSDT'])
    if symbol == play.reference:
        raise PlayError([f"{play.source}: E202 symbol: found {symbol}, which is the Play's reference, expected another one"])
    return _identified(replace(play, symbol=symbol))


def _identified(play: Play) -> Play:
    """`play` with the normal form and the hash of what it says."""
    form = _normal_form(play)
    hashed = {key: value for key, value in form.items() if key not in NOT_HASHED}
    return replace(play, normal_form=form, play_hash=digest(hashed))


def _version_fits(root: Map, report: Report) -> bool:
    item = root.get("version")
    if isinstance(item, Leaf) and item.value == VERSION:
        return True
    found = "no version" if item is None else f"the version {kind_of(item)}"
    older = IMPORTABLE if isinstance(item, Leaf) and is_this_version(item.value) else ""
    report.add("E101", root.mark if item is None else item.mark, "version", f'found {found}, expected "{VERSION}"{older}')
    return False


def _read(top: Section, text: str, source: str, report: Report) -> Steps[Play]:
    """All sections, in the order in which they need each other."""
    account, risk_per_trade_pct = read_account(top, has_risk(top), report)
    timeframes = read_timeframes(top, report)
    reference = _reference(top, report)
    # One that is written and wrong is named once, and not again by everything that reads it.
    names = Names(timeframes.exec_ms, reference or (REFERENCE_ID if top.has(REFERENCE_ID) else ""))
    features = yield from read_features(top.item("features"), timeframes, names, report)
    yield
    structure_reader = StructureReader(timeframes, names, report)
    structures = yield from structure_reader.read(top.item("structures"))
    yield
    features = with_swings(features, structures, top.item("features"), names, report)
    setups_item = top.item("setups")
    expressions = ExpressionReader(names, timeframes, setups_item.keys if isinstance(setups_item, Map) else (), report)
    setups = yield from read_setups(setups_item, expressions, report)
    actions = yield from ActionReader(names, expressions, report).read(top.item("actions"))
    yield
    endless = refuse_endless(setups, actions, (top.mark_of("setups"), top.mark_of("actions")), report)
    clocks = evaluation(timeframes.exec_ms, () if endless else setups, () if endless else actions)
    # What could not be read whole is looked at on the execution clock, unless what was not read may say otherwise.
    unread = (timeframes.exec_ms,) if names.used.isdisjoint(MINUTE_PRICES) else ()
    for path, check in names.clock_checks:
        for clock_ms in clocks.clocks_of(path) or unread:
            check(clock_ms)
    yield
    policy = read_policy(top, report)
    risk = read_risk(top, account, risk_per_trade_pct, names, report)
    entry = read_entry(top, report)
    if not report.failed:
        check_contract(Sections(account, policy, risk, actions), top, report)
        _warn_of_unused(top, names, expressions, report)
        yield from warn_of_rules(expressions.placed, setups, features, names, clocks, report)
        RiskSense(account, policy, risk, entry, top, names, report).warn()
        structure_reader.warn_of_unused()
    return Play(
        source=source,
        name=_name(top, report),
        description=_description(top, report),
        tags=_tags(top, report),
        symbol=_symbol(top, report),
        reference=reference,
        account=account,
        backtest=read_backtest(top, account),
        deploy=read_deploy(top, account, report),
        timeframes=timeframes,
        features=features,
        structures=structures,
        setups=setups,
        actions=actions,
        policy=policy,
        risk=risk,
        entry=entry,
        trial=read_trial(top, report),
        normal_form={},
        play_hash="",
        source_hash=hashlib.sha256(text.encode()).hexdigest(),
        warnings=(),
    )


def _name(top: Section, report: Report) -> str:
    name = top.text("name")
    if name and not NAME.match(name):
        report.add("E107", top.mark_of("name"), "name", f'found "{name}", expected 1 to 64 of A-Z a-z 0-9 _ . -')
    return name


def _symbol(section: Section, report: Report) -> str:
    symbol = section.text("symbol")
    if symbol and not _SYMBOL.match(symbol):
        meant = re.sub(r"[^A-Z0-9]", "", symbol.upper().partition(":")[0])
        hint = f"; write `{meant}`" if _SYMBOL.match(meant) else ""
        expected = "expected a linear USDT perpetual in upper case, like BTCUSDT"
        report.add("E201", section.mark_of("symbol"), section.path_of("symbol"), f'found "{symbol}", {expected}{hint}')
    return symbol


def _reference(top: Section, report: Report) -> str | None:
    if not top.has(REFERENCE_ID):
        return None
    section = top.section(REFERENCE_ID, SECOND_SYMBOL)
    symbol, traded = _symbol(section, report), top.item("symbol")
    if symbol and isinstance(traded, Leaf) and traded.value == symbol:
        text = f"found {symbol}, the symbol that is traded, expected another one"
        report.add("E202", section.mark_of("symbol"), section.path_of("symbol"), text)
    return symbol or None


def _description(top: Section, report: Report) -> str:
    description = top.text("description")
    if ("--start" in description or "--end" in description) and not top.has("date_range"):
        text = f"found a window in free text, which has no effect: write `date_range`{IMPORTABLE}"
        report.add("W601", top.mark_of("description"), "description", text)
    return description


def _tags(top: Section, report: Report) -> tuple[str, ...]:
    tags: list[str] = []
    for i, item in enumerate(top.list_of("tags")):
        if isinstance(item, Leaf) and isinstance(item.value, str):
            tags.append(item.value)
        else:
            report.add("E107", item.mark, f"tags[{i}]", f"found {kind_of(item)}, expected text")
    return tuple(tags)


def _warn_of_unused(top: Section, names: Names, expressions: ExpressionReader, report: Report) -> None:
    for section, used in (("features", names.used), ("setups", set(expressions.used_setups))):
        item = top.item(section)
        for entry in item if isinstance(item, Map) else ():
            if entry.key not in used:
                report.add("W602", entry.mark, f"{section}.{entry.key}", "found a name that nothing uses")
    if top.has(REFERENCE_ID) and REFERENCE_ID not in names.used:
        report.add("W602", top.mark_of(REFERENCE_ID), REFERENCE_ID, "found a second symbol that nothing reads")


def _normal_form(play: Play) -> Node:
    return {
        "version": VERSION,
        "name": play.name,
        "description": play.description,
        "tags": list(play.tags),
        "symbol": play.symbol,
        **reference_form(play.reference),
        "account": account_form(play.account),
        "backtest": backtest_form(play.backtest),
        "deploy": deploy_form(play.deploy),
        "timeframes": timeframes_form(play.timeframes),
        "features": [feature_form(feature) for feature in play.features],
        "structures": [structure_form(structure) for structure in play.structures],
        "setups": {name: expression_form(expr) for name, expr in play.setups},
        "actions": [block_form(block) for block in play.actions],
        "position_policy": policy_form(play.policy),
        "risk_model": risk_form(play.risk),
        "entry": entry_form(play.entry),
        **trial_forms(play.trial),
    }
