"""
The halts of one scope as a small model: every state that raising, lifting and dying can reach, and every event in each of them.
"""

from playd.orders.halts import Halts, Level, instance_scope
from playd.orders.ledger import Ledger
from playd.world.virtual import VirtualWorld, virtual_world
from tests.simulation.order_world import STATE, MemoryJournal

SCOPE = instance_scope("uid")
LEVELS = (Level.PAUSE, Level.HALT, Level.PANIC, Level.FREEZE)
EVENTS = (*(f"{what} {level.name}" for what in ("raise", "lift") for level in LEVELS), "rule is over", "power cut")

State = tuple[Level, ...]
"""What is in force, in the order in which it was raised; of pauses and halts the order says nothing."""


def canonical(raised: list[Level]) -> State:
    return (*sorted(each for each in raised if each <= Level.HALT), *(each for each in raised if each > Level.HALT))


def expected(state: State, event: str) -> State:
    """The model, in four lines: what is asked again is asked behind what came after it, and only a person lowers."""
    what, _, name = event.partition(" ")
    if what == "raise":
        return canonical([*(each for each in state if each is not Level[name]), Level[name]])
    if what == "lift":
        return tuple(each for each in state if each is not Level[name])
    return tuple(each for each in state if event != "rule is over" or each is not Level.PAUSE)


class Life:
    """The halts of a daemon over as many lives as the events give it."""

    def __init__(self) -> None:
        self._world: VirtualWorld = virtual_world()
        self._world.disk.mkdir(STATE)
        self._open()

    def _open(self) -> None:
        self._ledger = Ledger.open(self._world.disk, self._world.clock, STATE / "ledger.sqlite")
        self.halts = Halts(self._ledger, self._world.disk, self._world.clock, MemoryJournal(), STATE)

    def close(self) -> None:
        self._ledger.close()

    def meet(self, event: str) -> None:
        what, _, name = event.partition(" ")
        if what == "raise":
            self.halts.raise_level(SCOPE, Level[name], name, "why")
        elif what == "lift":
            for halt in [each for each in self.halts.in_force(SCOPE) if each.level is Level[name]]:
                self.halts.lift(halt.id, by="a person", note="seen")
        elif event == "rule is over":
            self.halts.lift_pauses(SCOPE, "PAUSE", "its cause is gone")
        else:
            self.close()
            self._world.disk.crash()
            self._open()

    def state(self) -> State:
        return canonical([each.level for each in sorted(self.halts.in_force(SCOPE), key=lambda halt: halt.id)])


def check(life: Life, state: State) -> None:
    """Everything that anybody asks of the halts agrees with what is in force."""
    assert life.state() == state
    highest, last = life.halts.highest(SCOPE), state[-1] if state else Level.OPEN
    assert (highest.level if highest is not None else Level.OPEN) == last, "the highest decides, of panic and freeze the later"
    assert (life.halts.frozen(SCOPE) is not None) == (last is Level.FREEZE)


def test_every_event_in_every_reachable_state_leads_where_the_model_says() -> None:
    paths: dict[State, tuple[str, ...]] = {(): ()}
    frontier: list[State] = [()]
    pairs = 0
    while frontier:
        state = frontier.pop()
        for event in EVENTS:
            life, after = Life(), expected(state, event)
            for each in paths[state]:
                life.meet(each)
            check(life, state)
            life.meet(event)
            check(life, after)
            life.close()
            pairs += 1
            if after not in paths:
                paths[after] = (*paths[state], event)
                frontier.append(after)
    print(f"halts: {len(paths)} states, {pairs} pairs of (state, event), all of them")

    assert len(paths) == 4 * 5, "a pause and a halt or not, and of panic and freeze none, one, or both in either order"
    lowered = {event for state in paths for event in EVENTS if max(expected(state, event), default=0) < max(state, default=0)}
    assert lowered == {"rule is over", *(event for event in EVENTS if event.startswith("lift"))}
    assert all(max(state) is Level.PAUSE for state in paths if state and expected(state, "rule is over") == ())
