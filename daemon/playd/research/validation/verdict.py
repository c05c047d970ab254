"""What a check found."""

from dataclasses import dataclass, field

_SHOWN = 5


@dataclass(slots=True)
class Verdict:
    """
    What a check looked at and what was wrong.

    Attributes:
        checked, unit: How many of what were looked at.
        faults: One text each; a check with none has passed.
        note: What else is worth a word, such as what was left out.
    """

    unit: str
    checked: int = 0
    faults: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether something was looked at and nothing was wrong."""
        return self.checked > 0 and not self.faults

    def expect(self, holds: bool, fault: str) -> None:
        """Add the fault unless it holds."""
        if not holds:
            self.faults.append(fault)

    @property
    def text(self) -> str:
        """One line, with the first faults after it."""
        if not self.faults:
            found = f"{self.checked} {self.unit}" if self.checked else f"no {self.unit} found"
            return f"{found}; {self.note}" if self.note else found
        more = f" and {len(self.faults) - _SHOWN} more" if len(self.faults) > _SHOWN else ""
        return f"{len(self.faults)} faults in {self.checked} {self.unit}: {'; '.join(self.faults[:_SHOWN])}{more}"
