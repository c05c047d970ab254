"""Link ids are what a restart, an upgrade and the venue know an order by: the same decision has the same one for ever."""

from playd.core.ids import guardian_link_id, link_id
from playd.core.orders import Action

ENTRY = ("abcd2345", "1700000000000", Action.ENTER, 0, 0)


def test_the_id_of_a_decision_never_changes() -> None:
    assert link_id(*ENTRY) == "pde7egbl2-t67g2jnc6xp5fl2lwsynt7pj"
    assert guardian_link_id("abcd2345", "main", "BTCUSDT", 0, 1_700_000_000_000, 0) == "pdg7egbl2-uo4rmgjhuefnlea2b7jfokrg"
