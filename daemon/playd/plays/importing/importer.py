"""The whole import of one file: rules in the order in which they need each other, then the check of the result."""

from dataclasses import dataclass, replace

from playd.core.errors import PlayError
from playd.plays.comments import comments_of, place_before
from playd.plays.document import Map, OlderReading, read_document
from playd.plays.findings import IMPORTABLE, Finding, Mark, Report
from playd.plays.formatting import too_large, write_play
from playd.plays.importing.actions import import_actions
from playd.plays.importing.empties import import_empties
from playd.plays.importing.expressions import ExpressionImporter, import_setups
from playd.plays.importing.features import import_features, import_sources
from playd.plays.importing.log import Change, Log, Problem
from playd.plays.importing.meanings import report_meanings
from playd.plays.importing.money import import_account, import_identity, import_policy, import_trial
from playd.plays.importing.placeholders import import_placeholders
from playd.plays.importing.references import References
from playd.plays.importing.risk import import_risk
from playd.plays.importing.scalars import import_numbers
from playd.plays.importing.signal_rules import import_signal_rules
from playd.plays.importing.structures import import_structures
from playd.plays.importing.timeframes import import_timeframes
from playd.plays.importing.trees import as_map
from playd.plays.load import UNANSWERED, check_play
from playd.plays.questions import MARKER, questions_of, sealed


@dataclass(frozen=True, slots=True)
class Imported:
    """
    A rewritten file.

    Attributes:
        text: The new file: the old text to the letter when nothing was rewritten.
        changes: In the order of the old file.
        problems: What the author must decide, each a comment in `text`; one in the old file is one until it is answered.
        findings: Of the check of `text`, whose lines they name.
    """

    text: str
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether the result does not load, or needs a decision."""
        return bool(self.problems) or any(finding.code.startswith("E") for finding in self.findings)


def import_play(text: str, source: str) -> Imported:
    """
    Rewrite older spellings of `text`. `source` names it in findings.

    Raises `PlayError` when the text is no YAML document that could be a Play.
    """
    report, older = Report(source), OlderReading()
    root = read_document(text, report, older)
    if root is None or report.failed:
        raise PlayError(report.lines("E"))
    log = Log()
    for merge in older.merges:
        log.change(merge.mark, merge.path, "", merge.path.rpartition(".")[0], ", ".join(merge.keys))
    for octal in older.octals:
        was = f"which number? Readers of YAML 1.1 took `{octal.text}` for {octal.value}; write it without the 0 before it"
        log.problem(octal.mark, octal.path, was)
    new_root = _rewritten(root, log)
    asked = {(place_before(problem.mark, root), problem.text) for problem in log.problems}
    earlier = questions_of(text, root)
    again = [one for one in earlier if any((mark, one.text) in asked for mark in one.about)]
    for question in earlier:
        if question.answered and question not in again:
            log.removed(question.mark, "comment", question.line)
    new_text = text
    if any(change.rewrites for change in log.changes) or log.problems:
        comments = comments_of(text, root, {one.mark for one in earlier if one.answered or one in again})
        for problem in log.problems:
            comments.beside(place_before(problem.mark, root)).before.append(f"{MARKER} {problem.text}")
        new_text = _with_seals(write_play(new_root, comments))
    for question in earlier:
        if not question.answered and question not in again:
            advice = "write the answer below it, or take the comment away if what stands there is right"
            log.problem(question.mark, "comment", f"an earlier import asks `{question.text}`; {advice}")
    checked = _checked(new_text, source)
    changes = sorted(log.changes, key=lambda change: change.mark)
    # What is older still, the import has asked about: it would not rewrite it the next time either.
    findings = (replace(one, text=one.text.removesuffix(IMPORTABLE)) for one in checked.ordered() if one.code != UNANSWERED)
    return Imported(new_text, tuple(changes), tuple(log.problems), tuple(findings))


def _checked(text: str, source: str) -> Report:
    """Findings of a result. One that was rewritten may have become too large, which the file that was read is not."""
    if why := too_large(text):
        report = Report(source)
        report.add("E100", Mark(1, 1), "", why)
        return report
    return check_play(text, source)[1]


def _with_seals(text: str) -> str:
    root = read_document(text, Report(""), OlderReading())
    return sealed(text, root) if root is not None else text  # the check of the result says why


def _rewritten(root: Map, log: Log) -> Map:
    root = import_empties(root, log)
    root = import_numbers(root, log)
    root = import_placeholders(root, log)
    root = import_identity(root, log)
    root = import_signal_rules(root, log)
    root = import_timeframes(root, log)
    root = import_account(root, log)
    root, among_features = import_features(root, log)
    root, structures = import_structures(root, among_features, log)
    references = References(as_map(root.get("features")), structures, log)
    expressions = ExpressionImporter(references)
    root = import_sources(root, references)
    root = import_setups(root, expressions)
    root = import_actions(root, expressions, log)
    root = import_risk(root, references, log)
    root = import_policy(root, log)
    root = import_trial(root, log)
    report_meanings(root, structures, log)
    return root
