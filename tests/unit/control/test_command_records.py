"""A command is on record with its parameters, however long one of them is."""

from hashlib import sha256

from playd.control.methods import told_of
from playd.control.params import ImportEvidence
from playd.core.limits import JOURNAL_RECORD_BYTES


def test_a_whole_file_as_a_parameter_fits_a_record_and_can_be_told_from_another() -> None:
    content = ImportEvidence(request_id="r", content="x" * 200_000).content
    told = told_of(content)
    assert len(told) < JOURNAL_RECORD_BYTES // 16
    assert sha256(content.encode()).hexdigest() in told
    assert told_of("paper") == "paper"
