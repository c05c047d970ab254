"""The page of log events is the generated one."""

from playd.ops.event_page import page_text
from tests.tidy.source import ROOT


def test_the_shipped_page_is_the_generated_one() -> None:
    assert (ROOT / "runbooks" / "log-events.md").read_text() == page_text(), "run `make generated`"
