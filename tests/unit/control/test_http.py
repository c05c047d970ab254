"""Where health is served: loopback freely, anywhere else with a token, and every request must bear it."""

from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control.context import Daemon
from playd.control.http import _application, listening
from playd.core.errors import SettingsError
from playd.core.secret import Secret
from playd.settings import Loaded, load
from playd.world.real import real_world
from playd.world.virtual import VirtualWorld, virtual_world


def loaded(world: VirtualWorld, text: str) -> Loaded:
    world.disk.mkdir(PurePath("/config"))
    world.disk.write_replace(PurePath("/config/playd.toml"), f"[http]\n{text}".encode())
    return load(world)


@pytest.mark.parametrize("address", ["localhost:1", "127.0.0.1", "127.0.0.1:x", ":9707"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    world = virtual_world()
    with pytest.raises(SettingsError, match="expected an IP address and a port"):
        listening(world, loaded(world, f'listen = "{address}"'))


def test_others_need_a_token_of_some_length_and_nothing_serves_nothing() -> None:
    world = virtual_world()
    assert listening(world, loaded(world, 'listen = ""')) is None
    ours = listening(world, loaded(world, 'listen = "[::1]:9"'))
    assert ours is not None
    assert (ours.host, ours.port, ours.token) == ("::1", 9, None)
    wide = 'listen = "0.0.0.0:9707"\n'
    with pytest.raises(SettingsError, match="name a token"):
        listening(world, loaded(world, wide))
    world.disk.write_replace(PurePath("/token"), b"short\n")
    with pytest.raises(SettingsError, match="16 characters"):
        listening(world, loaded(world, wide + 'token_credential = "/token"'))
    world.disk.write_replace(PurePath("/token"), b"x" * 16 + b"\n")
    found = listening(world, loaded(world, wide + 'token_credential = "/token"'))
    assert found is not None
    assert found.token is not None
    assert found.token.reveal() == "x" * 16


@pytest.mark.anyio
async def test_every_request_must_bear_the_token_and_a_still_loop_is_not_alive() -> None:
    now = [0.0]
    clock = SimpleNamespace(mono_s=lambda: now[0])
    daemon: Any = SimpleNamespace(clock=clock, ops=SimpleNamespace(loop=SimpleNamespace(turned_s=0.0)))
    net = real_world().net
    async with net.serve_http(_application(cast("Daemon", daemon), Secret("s" * 16)), "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}/livez"
        async with net.http_session(timeout_s=60) as session:

            async def status(header: str) -> int:
                async with session.get(url, headers={"Authorization": header}) as answer:
                    return answer.status

            assert [await status(header) for header in ("", "Bearer wrong", f"Bearer {'s' * 16}")] == [401, 401, 200]
            now[0] = 6.0
            assert await status(f"Bearer {'s' * 16}") == 503
            async with session.post(url, headers={"Authorization": f"Bearer {'s' * 16}"}) as answer:
                assert answer.status == 405
