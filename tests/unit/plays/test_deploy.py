"""The deploy section: what a run at a venue uses, and what is said about a key that nothing uses."""

from tests.unit.plays.plays_of import load

CONDITION = '[close, ">", 1]'


def test_a_disconnect_window_is_answered_with_a_warning_that_names_its_place() -> None:
    play = load(CONDITION, more="deploy:\n  capital_usdt: 500\n  dcp_window_s: 40\n")
    (warning,) = play.warnings
    assert "W903 deploy.dcp_window_s: found a window, which has no effect" in warning
    assert warning.startswith("small.yml:10:")
    assert play.deploy.capital_usdt == 500


def test_a_deploy_section_without_it_is_free_of_warnings() -> None:
    assert load(CONDITION, more="deploy:\n  capital_usdt: 500\n").warnings == ()
