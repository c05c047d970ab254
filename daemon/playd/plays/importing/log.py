"""What an import did: one line per change with its place, and what it could not decide."""

from dataclasses import dataclass, field

from playd.plays.findings import Mark


@dataclass(frozen=True, slots=True)
class Change:
    """
    One rewritten spelling.

    Attributes:
        mark, path, text: Where it stood and what was written.
        new_path, new_text: Where it stands now; both empty when it was removed.
        meaning: What is different now; empty when the Play decides as it did in the engine that it was written for.
    """

    mark: Mark
    path: str
    text: str
    new_path: str
    new_text: str
    meaning: str

    @property
    def rewrites(self) -> bool:
        """Whether something else is written now; if not, the same text decides otherwise."""
        return (self.new_path, self.new_text) != (self.path, self.text)

    def line_of(self, source: str) -> str:
        """`file:line:col: path: old -> path: new (same meaning)`."""
        old = f"{self.path}: {self.text}" if self.text else self.path
        new = ": ".join(part for part in (self.new_path, self.new_text) if part) or "removed"
        if not self.rewrites:
            new = "unchanged"
        meaning = f"meaning changed: {self.meaning}" if self.meaning else "same meaning"
        return f"{source}:{self.mark.line}:{self.mark.column}: {old} -> {new} ({meaning})"

    def as_json(self) -> dict[str, str | int]:
        """The same for programs."""
        return {
            "line": self.mark.line,
            "column": self.mark.column,
            "path": self.path,
            "text": self.text,
            "new_path": self.new_path,
            "new_text": self.new_text,
            "meaning_changed": self.meaning,
        }


@dataclass(frozen=True, slots=True)
class Problem:
    """What the author must decide. It becomes a comment in the new file, and the import fails."""

    mark: Mark
    path: str
    text: str

    def line_of(self, source: str) -> str:
        """`file:line:col: path: text`."""
        return f"{source}:{self.mark.line}:{self.mark.column}: import {self.path}: {self.text}"


@dataclass(slots=True)
class Log:
    """Changes and problems in the order in which they were found; printed in the order of the file."""

    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def change(self, mark: Mark, path: str, text: str, new_path: str, new_text: str, meaning: str = "") -> None:
        """Record a rewritten spelling; the same one at the same place is kept once."""
        change = Change(mark, path, text, new_path, new_text, meaning)
        if change not in self.changes:
            self.changes.append(change)

    def removed(self, mark: Mark, path: str, text: str, meaning: str = "") -> None:
        """Record what is gone."""
        self.change(mark, path, text, "", "", meaning)

    def unchanged(self, mark: Mark, path: str, text: str, meaning: str) -> None:
        """Record what is written as before and means something else now."""
        self.change(mark, path, text, path, text, meaning)

    def problem(self, mark: Mark, path: str, text: str) -> None:
        """Record what cannot be decided here."""
        problem = Problem(mark, path, text)
        if problem not in self.problems:
            self.problems.append(problem)
