"""`playd alert TEXT`: say something by every route, without a daemon. What the service manager runs when a unit stays down."""

import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

import anyio

from playd.control.render import json_text
from playd.core.errors import CredentialError, SettingsError, StateError
from playd.ops.alert_senders import NotTaken, Way, sender_of
from playd.ops.alert_text import text_of
from playd.settings import load
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop

NOBODY: Final = 1


def last_ways(world: World) -> tuple[Way, ...]:
    """The routes of the last daemon, as it told them to its guardian; none where there was no daemon, or no plan is whole."""
    from playd.cli.guardian import GuardianOptions, places_of  # only for this: the alert is to leave at once
    from playd.orders.guardian.plan_file import PlanFile

    try:
        found = PlanFile(world.disk, places_of(world, GuardianOptions()).state_dir).load()
    except StateError:
        return ()
    return () if found is None else found.plan.ways


def send_alert(text: str, config: str, *, as_json: bool, world: World | None = None) -> int:
    """
    Send one critical text by every configured route at once; 0 when at least one took it.

    A route that is set up wrongly does not keep the others from it. Settings that cannot be read may be the very reason why
    the daemon stays down: then the routes are those that it had last. Raises `SettingsError` without any route.
    """
    world = world or real_world()
    routes: Sequence[Way]
    try:
        routes = load(world, config=config or None).settings.alerts.routes
    except SettingsError as error:
        routes, text = last_ways(world), f"{text}; {error}"
        if not routes:
            raise
    if not routes:
        raise SettingsError("alerts.routes: found none, expected at least one; see runbooks/incidents.md")
    named = world.env.get("CREDENTIALS_DIRECTORY")
    credentials_dir = PurePath(named) if named else None
    now_ms = world.clock.wall_ms()
    message = {
        "daemon": "playd, without its daemon",
        "event": "open",
        "severity": "critical",
        "kind": "UNIT",
        "scope": "all",
        "detail": text,
        "opened_ms": now_ms,
        "command": "systemctl status playd playd-guardian",
    }
    results: dict[str, str] = {}

    async def tell(given: World, route: Way) -> None:
        try:
            way = sender_of(given, route, credentials_dir)
            await way.send(message, text_of(message), f"unit-{now_ms}-{route.name}")
            results[route.name] = "sent"
        except (NotTaken, SettingsError, CredentialError) as error:
            results[route.name] = str(error)

    async def main(given: World) -> int:
        async with anyio.create_task_group() as group:
            for route in routes:
                group.start_soon(tell, given, route)
        return 0

    run_loop(main, world)
    if as_json:
        print(json_text(results))
    for name, result in results.items():
        print(f"{name}: {result}", file=sys.stderr)
    return 0 if "sent" in results.values() else NOBODY
