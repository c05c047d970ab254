"""Who holds something at a venue is asked once for everybody, with the answer that each one would get."""

from dataclasses import replace
from pathlib import Path, PurePath

from playd.core.modes import Mode
from playd.core.orders import OrderState
from playd.orders.ledger import Ledger
from playd.supervisor.enrol import Wish, enrol
from playd.supervisor.records import RecordStore
from playd.world.virtual import virtual_world

PLAY = Path(__file__).parents[3] / "config" / "plays" / "ema_cross_rsi.yml"


def test_what_is_said_of_all_is_what_is_said_of_each() -> None:
    world = virtual_world()
    ledger = Ledger.open(world.disk, world.clock, PurePath("/ledger.sqlite"))
    world.disk.mkdir(PurePath("/plays"))
    world.disk.write_replace(PurePath("/plays/play.yml"), PLAY.read_bytes())
    wish = Wish("x", "/plays/play.yml", Mode.PAPER)
    one, _ = enrol(world, PurePath("/plays"), wish)
    records = RecordStore(ledger)
    quantities = {"held----": "0.010", "short---": "-3", "flat----": "0", "flat8---": "0E-8"}
    for uid, qty in quantities.items():
        ledger.write(
            "INSERT INTO virtual_positions (account, instance, symbol, position_idx, signed_qty, avg_price, realised, fees,"
            " funding, opened_ms) VALUES (?, ?, ?, 0, ?, '1', '0', '0', '0', 0)",
            (f"paper-{uid}", uid, one.symbol, qty),
        )
    for state in OrderState:
        uid = f"{state.lower():-<13}"
        ledger.write(
            "INSERT INTO orders (link_id, attempt, account, owner, action, symbol, side, type, tif, qty, reduce_only, state,"
            " created_ms, last_event_ms) VALUES (?, 1, ?, ?, 'enter', ?, 'Buy', 'Market', 'IOC', '1', 0, ?, 0, 0)",
            (uid, f"paper-{uid}", uid, one.symbol, str(state)),
        )
    told = {"lacking-": ("0.004", "0.010"), "even----": ("0.010", "0.010"), "untold--": ("0.010", "0")}
    for uid, (booked, at_venue) in told.items():
        ledger.write(
            "INSERT INTO orders (link_id, attempt, account, owner, action, symbol, side, type, tif, qty, reduce_only, state,"
            " cum_qty, venue_cum_qty, created_ms, last_event_ms) VALUES (?, 1, ?, ?, 'enter', ?, 'Buy', 'Market', 'IOC', '1',"
            " 0, 'CANCELLED', ?, ?, 0, 0)",
            (uid, f"paper-{uid}", uid, one.symbol, booked, at_venue),
        )
    everybody = [*quantities, *told, *(f"{state.lower():-<13}" for state in OrderState)]
    said = {uid for uid in everybody if records.occupies(replace(one, uid=uid, account=f"paper-{uid}"))}
    found = {uid for _, uid in records.occupying()}
    ledger.close()
    assert found == said
    assert said == {
        "held----",
        "short---",
        "lacking-",
        *(f"{state.lower():-<13}" for state in OrderState if not state.terminal),
    }
