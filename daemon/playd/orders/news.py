"""What booking leaves for whoever commits: deliveries, checks, halts."""

from dataclasses import dataclass, field

from playd.orders.halts import Level


@dataclass
class News:
    """What changed since it was last looked at. One for an account; whoever commits reads and clears it."""

    links: set[str] = field(default_factory=set)
    """Orders whose state changed."""
    posted: bool = False
    """Something waits in the outbox that an instance must hear of."""
    fills: list[tuple[str, str]] = field(default_factory=list)
    """(symbol, link id or execution id) of executions that moved a position."""
    looks: list[tuple[str, str]] = field(default_factory=list)
    """(symbol, link id) of what makes a fresh reading of the position necessary."""
    halts: list[tuple[str, Level, str, str]] = field(default_factory=list)
    """(scope, level, code, text) to raise after the commit: raising commits by itself, which an open step must not."""

    def taken(self) -> list[tuple[str, Level, str, str]]:
        """The halts to raise now; nothing is waiting behind this."""
        halts, self.halts, self.posted = self.halts, [], False
        return halts
