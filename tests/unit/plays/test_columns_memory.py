"""What columns say of their memory."""

from tests.unit.plays.plays_of import columns_of, load, market

MINUTES = 600
HOURS_OF_ROOM = 12
VALUE_BYTES = 8


def test_memory_that_several_rows_are_views_of_is_counted_once() -> None:
    play = load('{all: [[slow, ">", 1]]}', features="{slow: {indicator: sma, params: {length: 2}, tf: 1h}}")
    columns = columns_of(play, market([100.0 + i for i in range(MINUTES)]))
    minute_rows = (
        1 + 2 + 5 + 3
    )  # open times; time and close time; prices and volume; both conditions, and the average as of now
    hour_rows = 2 + 6 + 1  # close time and index; prices, volume and time; the average
    assert columns.nbytes == (minute_rows * MINUTES + hour_rows * HOURS_OF_ROOM) * VALUE_BYTES
