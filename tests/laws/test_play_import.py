"""Laws of the import: an answer for any file, and nothing left to rewrite in what it has written."""

from hypothesis import given, settings
from hypothesis import strategies as st

from playd.core.errors import PlayError
from playd.plays.importing.importer import import_play
from tests.laws.test_play_refusals import changed
from tests.unit.plays.test_import import BASE, ROWS, replaced

OLDER = [BASE, *(replaced(*old) for old, _, _ in ROWS.values())]


@given(st.sampled_from(OLDER), st.integers(0, 2**32), st.integers(0, 4))
@settings(deadline=None, max_examples=40, print_blob=True)
def test_any_file_is_imported_once_and_for_all_or_refused(text: str, seed: int, times: int) -> None:
    try:
        first = import_play(changed(text, seed, times), "f.yml")
        again = import_play(first.text, "f.yml")
    except PlayError:
        return  # no document at all
    if not first.failed:
        assert again.text == first.text
        assert not again.failed


def test_an_undeclared_variable_in_a_detector_is_a_finding() -> None:
    text = BASE.replace("params: {left: 5, right: 5}", "params: {left: $x, right: 5}")
    assert any(finding.code == "E440" for finding in import_play(text, "f.yml").findings)
