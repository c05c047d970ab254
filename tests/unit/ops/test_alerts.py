"""Alerts: each thing is said once per route, a dead provider delays nobody else, and nothing is lost or said twice."""

from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import anyio
import pytest
from aiohttp import web

from playd.cli.alert import send_alert
from playd.core.errors import CredentialError, SettingsError
from playd.core.secret import Secret
from playd.ops import alert_senders
from playd.ops.alert_rows import AlertRows
from playd.ops.alert_senders import Command, NotTaken, Webhook, sender_of
from playd.ops.alert_text import text_of
from playd.ops.alerts import AlertDesk, Route, quiet_until_ms
from playd.ops.reminders import Reminders
from playd.orders.guardian.plan import AlertWay, Plan
from playd.orders.guardian.plan_file import PlanFile
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.settings.model import AlertRoute
from playd.settings.model import Incidents as IncidentSettings
from playd.world.real import real_world
from playd.world.virtual import VirtualWorld, virtual_world
from tests.simulation.order_world import MemoryJournal

pytestmark = pytest.mark.anyio

STATE = PurePath("/state")


@dataclass
class Provider:
    """A way out that can be made to fail; `taken` is what it accepted, `keys` every attempt."""

    failing: int = 0
    taken: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def send(self, message: dict[str, Any], text: str, key: str) -> None:
        self.keys.append(key)
        if self.failing:
            self.failing -= 1
            raise NotTaken("answered with status 500")
        self.taken.append(message)


class Side:
    """A desk over one ledger, driven by hand: looks and sends without any loop."""

    def __init__(self, *routes: tuple[AlertRoute, Provider], world: VirtualWorld | None = None) -> None:
        self.world = world or virtual_world()
        self.world.disk.mkdir(STATE)
        self.ledger = Ledger.open(self.world.disk, self.world.clock, STATE / "ledger.sqlite")
        self.journal = MemoryJournal()
        self.incidents = Incidents(self.ledger, self.world.clock, self.journal)
        self.rows = AlertRows(self.ledger)
        made = [Route(settings, provider) for settings, provider in routes]
        self.desk = AlertDesk(self.world.clock, self.rows, self.incidents, self.journal, IncidentSettings(), made, "playd test")

    async def look(self, after_s: float = 0.0) -> None:
        """Let time pass, look, and send everything that is due."""
        self.world.clock.advance(after_s)
        self.desk.step()
        for route in self.desk.routes.values():
            while (alert := self.rows.due(route.name, self.world.clock.wall_ms())) is not None:
                await self.desk._send(route, alert)


def events(provider: Provider) -> list[tuple[str, str]]:
    return [(message["event"], message["kind"]) for message in provider.taken]


async def test_an_incident_is_said_once_and_so_is_its_end() -> None:
    phone = Provider()
    side = Side((AlertRoute(name="phone"), phone))
    side.incidents.open("LEVERAGE", "warning", "account:a", "3 was refused")
    for _ in range(5):
        await side.look(1.0)
        side.incidents.open("LEVERAGE", "warning", "account:a", "3 was refused")
    side.incidents.resolve("LEVERAGE", "account:a", "taken")
    await side.look(1.0)
    await side.look(1.0)
    assert events(phone) == [("open", "LEVERAGE"), ("resolved", "LEVERAGE")]


async def test_a_critical_one_is_repeated_until_somebody_has_seen_it() -> None:
    phone, second = Provider(), Provider()
    side = Side((AlertRoute(name="phone"), phone), (AlertRoute(name="second", backup_only=True), second))
    side.incidents.open("NAKED", "critical", "symbol:a/B", "no stop")
    for _ in range(16):
        await side.look(60.0)
    assert events(phone).count(("repeat", "NAKED")) == 3
    assert events(second) == [("open", "NAKED")]
    side.incidents.acknowledge(side.incidents.open_ones()[0], "uid:1", "seen")
    for _ in range(10):
        await side.look(60.0)
    assert events(phone).count(("repeat", "NAKED")) == 3


async def test_a_panic_that_is_not_done_is_said_every_minute() -> None:
    phone = Provider()
    side = Side((AlertRoute(name="phone"), phone))
    side.incidents.open("PANIC_UNFINISHED", "critical", "account:a", "a position is left")
    reminders = Reminders(side.ledger, side.incidents)
    for _ in range(10):
        await side.look(60.0)
        reminders.step(IncidentSettings(), side.world.clock.wall_ms())
    assert events(phone).count(("repeat", "PANIC_UNFINISHED")) == 10
    assert [kind for kind, _ in side.journal.records].count("incident.repeat") == 10


async def test_the_end_of_an_old_incident_is_told_behind_many_younger_ones_and_its_notes_stay() -> None:
    phone = Provider()
    side = Side((AlertRoute(name="phone"), phone))
    side.incidents.open("NAKED", "critical", "symbol:a/B", "no stop")
    await side.look(1.0)
    for number in range(60):
        side.incidents.open("LEVERAGE", "warning", f"account:{number}", "changed")
    (naked,) = (each for each in side.incidents.open_ones() if each.kind == "NAKED")
    side.incidents.acknowledge(naked, "uid:1", "seen")
    side.incidents.resolve("NAKED", "symbol:a/B", "the stop is back")
    await side.look(1.0)
    assert ("resolved", "NAKED") in events(phone)
    (ended,) = side.incidents.resolved_since(0)
    assert ended.note == "seen; the stop is back"


async def test_one_that_comes_again_is_told_again_and_its_age_begins_anew() -> None:
    phone, second = Provider(), Provider()
    side = Side((AlertRoute(name="phone"), phone), (AlertRoute(name="second", backup_only=True), second))
    for _ in range(2):
        side.incidents.open("NAKED", "critical", "symbol:a/B", "no stop")
        await side.look(60.0 * 6)
        side.incidents.resolve("NAKED", "symbol:a/B", "the stop is back")
        await side.look(60.0 * 12)
    told = [event for event, _ in events(phone)]
    assert told == ["open", "repeat", "resolved", "reopen", "repeat", "resolved"]
    assert "AGAIN CRITICAL NAKED" in text_of(phone.taken[3])
    assert events(second) == []


async def test_a_warning_that_becomes_critical_is_said_again() -> None:
    phone = Provider()
    side = Side((AlertRoute(name="phone", min_severity="critical"), phone))
    side.incidents.open("STOP_REFUSED", "warning", "symbol:a/B", "x")
    await side.look()
    assert phone.taken == []
    side.incidents.open("STOP_REFUSED", "critical", "symbol:a/B", "x")
    await side.look()
    assert [message["severity"] for message in phone.taken] == ["critical"]


async def test_a_failing_provider_gets_it_later_and_once_and_the_emergency_route_at_once() -> None:
    phone, second = Provider(failing=4), Provider()
    side = Side((AlertRoute(name="phone"), phone), (AlertRoute(name="second", backup_only=True), second))
    side.incidents.open("NAKED", "critical", "symbol:a/B", "no stop")
    for _ in range(20):
        await side.look(1.0)
    assert ("open", "NAKED") in events(second)
    assert events(phone) == [("open", "NAKED")]
    assert len(set(phone.keys[:5])) == 1
    assert [each.kind for each in side.incidents.open_ones()] == ["NAKED"]


async def test_nothing_is_lost_or_said_twice_over_a_restart() -> None:
    phone = Provider(failing=1)
    side = Side((AlertRoute(name="phone"), phone))
    side.incidents.open("NAKED", "critical", "symbol:a/B", "no stop")
    await side.look()
    again = Side((AlertRoute(name="phone"), phone), world=side.world)
    await again.look(2.0)
    await again.look(2.0)
    assert events(phone) == [("open", "NAKED")]


async def test_what_nobody_took_is_a_dead_letter_that_can_be_tried_again_or_dropped() -> None:
    phone = Provider(failing=10_000)
    side = Side((AlertRoute(name="phone", kinds=("LEV*",)), phone))
    side.incidents.open("LEVERAGE", "warning", "account:a", "x")
    for _ in range(40):
        await side.look(300.0)
    dead = next(each for each in side.rows.latest(5) if each.status == "dead")
    assert "alert.dead" in [kind for kind, *_ in side.journal.records]
    phone.failing = 0
    assert side.rows.retry(dead.id, side.world.clock.wall_ms())
    await side.look()
    assert events(phone) == [("open", "LEVERAGE")]
    assert not side.rows.drop(dead.id, "me", 0)


@pytest.mark.parametrize("step_ms", [-86_400_000, -3_600_000, 3_600_000, 2 * 86_400_000])
@pytest.mark.parametrize("severity", ["critical", "warning"])
async def test_a_wall_clock_that_is_set_neither_puts_an_alert_off_nor_makes_it_a_dead_letter(
    step_ms: int, severity: str
) -> None:
    phone = Provider(failing=6)
    side = Side((AlertRoute(name="phone"), phone))
    side.incidents.open("LEVERAGE", severity, "account:a", "3 was refused")
    await side.look(1.0)
    assert len(phone.keys) == 1
    side.world.clock.step_wall(step_ms)
    for _ in range(200):
        await side.look(1.0)
    assert events(phone)[0] == ("open", "LEVERAGE")
    assert not [each for each in side.rows.latest(99) if each.status == "dead"]


async def test_quiet_hours_hold_a_warning_to_their_end_all_the_same() -> None:
    phone = Provider()
    side = Side((AlertRoute(name="phone", quiet_hours="00:00-23:59"), phone))
    side.world.clock.step_wall(-(side.world.clock.wall_ms() % 86_400_000))
    side.incidents.open("LEVERAGE", "warning", "account:a", "3 was refused")
    await side.look(23 * 3600.0)
    assert events(phone) == []
    await side.look(3600.0)
    assert events(phone) == [("open", "LEVERAGE")]


async def test_globs_choose_and_quiet_hours_hold_warnings_only() -> None:
    assert quiet_until_ms("22:00-06:00", 23 * 3_600_000) == 30 * 3_600_000
    assert quiet_until_ms("22:00-06:00", 5 * 3_600_000) == 6 * 3_600_000
    assert quiet_until_ms("22:00-06:00", 12 * 3_600_000) == 12 * 3_600_000
    phone = Provider()
    # The virtual day begins at midnight.
    side = Side((AlertRoute(name="phone", kinds=("LEVERAGE", "NAKED"), quiet_hours="22:00-06:00"), phone))
    for kind, severity in (("LEVERAGE", "warning"), ("NAKED", "critical"), ("BLIND", "critical")):
        side.incidents.open(kind, severity, "account:a", "x")
    await side.look()
    assert events(phone) == [("open", "NAKED")]
    side.incidents.acknowledge(next(each for each in side.incidents.open_ones() if each.kind == "NAKED"), "me", "")
    await side.look(6 * 3600.0)
    assert events(phone)[-1] == ("open", "LEVERAGE")


async def test_a_text_names_what_where_since_when_and_what_to_type() -> None:
    phone = Provider()
    side = Side((AlertRoute(name="phone"), phone))
    side.incidents.open("NAKED", "critical", "symbol:a/B", "no stop; token=abcdefghijklmnop")
    await side.look()
    text = text_of(phone.taken[0])
    assert "CRITICAL NAKED on symbol:a/B (playd test)" in text
    assert "runbooks/naked-position.md" in text
    assert "first: playctl positions" in text
    assert "abcdefghijklmnop" not in text


async def test_a_webhook_is_taken_by_2xx_only_and_never_tells_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_senders, "SEND_WITHIN_S", 0.3)
    seen: list[tuple[str, Any]] = []
    hang = anyio.Event()

    async def receive(request: web.Request) -> web.Response:
        seen.append((request.headers["Idempotency-Key"], await request.json()))
        if request.path == "/hang":
            await hang.wait()
        return web.Response(status=int(request.path.strip("/")))

    app = web.Application()
    app.router.add_post("/{what}", receive)
    net = real_world().net
    async with net.serve_http(app, "127.0.0.1", 0) as port:
        await Webhook(net, Secret(f"http://127.0.0.1:{port}/204")).send({"kind": "X"}, "text", "k1")
        assert seen == [("k1", {"kind": "X", "text": "text"})]
        for path in ("500", "302", "hang"):
            with pytest.raises(NotTaken) as caught:
                await Webhook(net, Secret(f"http://127.0.0.1:{port}/{path}")).send({}, "", "k2")
            assert path == "hang" or path in str(caught.value)
        hang.set()
    with pytest.raises(NotTaken) as caught:
        await Webhook(net, Secret(f"http://127.0.0.1:{port}/sekret")).send({}, "", "k3")
    assert "sekret" not in str(caught.value)


async def test_a_command_gets_the_text_and_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYBIT_LIVE_API_SECRET", "sekret")
    words = ("/bin/sh", "-c", f"cat > {tmp_path}/text; env > {tmp_path}/env")
    await Command(real_world().process, words).send({}, "hello", "k")
    assert (tmp_path / "text").read_text() == "hello\n"
    assert "sekret" not in (tmp_path / "env").read_text()
    for wrong, says in ((("/bin/sh", "-c", "exit 3"), "ended with 3"), (("/nowhere",), "No such file")):
        with pytest.raises(NotTaken, match=says):
            await Command(real_world().process, wrong).send({}, "", "k")


def test_a_route_needs_one_way_and_a_private_file_with_an_address() -> None:
    world = virtual_world()
    file = PurePath("/address")
    with pytest.raises(SettingsError, match="neither command nor credential"):
        sender_of(world, AlertRoute(name="a"), None)
    world.disk.write_replace(file, b"https://example.invalid/x\n")
    with pytest.raises(SettingsError, match="one of them"):
        sender_of(world, AlertRoute(name="a", credential=file, command=("x",)), None)
    assert isinstance(sender_of(world, AlertRoute(name="a", credential=file), None), Webhook)
    world.disk.chmod(file, 0o644)
    with pytest.raises(CredentialError, match="others can read"):
        sender_of(world, AlertRoute(name="a", credential=file), None)
    world.disk.write_replace(file, b"http://example.invalid/x\n")
    with pytest.raises(CredentialError, match="https"):
        sender_of(world, AlertRoute(name="a", credential=file), None)


def test_without_a_daemon_an_alert_goes_by_every_route_that_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = tmp_path / "told"
    (tmp_path / "playd.toml").write_text(
        f"""
[[alerts.routes]]
name = "broken"
credential = "{tmp_path}/none"
[[alerts.routes]]
name = "file"
command = ["/bin/sh", "-c", "cat > {told}"]
"""
    )
    assert send_alert("playd.service failed", str(tmp_path), as_json=False) == 0
    assert "playd.service failed" in told.read_text()
    assert "broken: credential file" in capsys.readouterr().err
    (tmp_path / "playd.toml").write_text("")
    with pytest.raises(SettingsError, match="found none"):
        send_alert("x", str(tmp_path), as_json=False)


def test_settings_that_keep_the_daemon_down_do_not_keep_it_from_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYD_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "playd.toml").write_text("[riskk]\n")
    with pytest.raises(SettingsError, match="unknown table riskk"):
        send_alert("x", str(tmp_path), as_json=False)
    told = tmp_path / "told"
    ways = (AlertWay("file", command=("/bin/sh", "-c", f"cat > {told}")),)
    PlanFile(real_world().disk, PurePath(tmp_path / "state")).save(Plan(ways=ways), 1)
    assert send_alert("playd.service failed", str(tmp_path), as_json=False) == 0
    assert "playd.service failed" in told.read_text()
    assert "unknown table riskk" in told.read_text()
