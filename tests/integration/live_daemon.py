"""
`playd run` with real money, as far as it can tell: `python -m tests.integration.live_daemon CONFIG STATE PORT`.

The addresses of an account with real money are those of mainnet and nothing else, so that is what the daemon is given. What it
sends there arrives at a local exchange instead: the network of its world knows no other way, and refuses every other host.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from playd.cli.daemon import run_daemon
from playd.cli.run_options import RunOptions
from playd.venues.bybit.environment import REGIONS
from playd.venues.bybit.post import Poster, RawReply
from playd.world.real import real_world

MAINNET = {urlsplit(url).hostname for url in (REGIONS["global"].rest, REGIONS["global"].private)}


def at_home(url: Any, port: int) -> str:
    """The same address on this machine. Raises `OSError` for any host that is none of ours."""
    parts = urlsplit(str(url))
    if parts.hostname in MAINNET:
        plain = {"https": "http", "wss": "ws"}[parts.scheme]
        parts = parts._replace(scheme=plain, netloc=f"127.0.0.1:{port}")
    elif parts.hostname != "127.0.0.1":
        raise OSError(f"{parts.hostname} is not to be reached from a test")
    return parts.geturl()


def ask_at_home(port: int) -> None:
    """Requests stay on this machine, too."""
    for name in ("get", "post"):
        ask = getattr(Poster, name)

        async def here(poster: Poster, url: URL, *rest: Any, ask: Any = ask, **how: bool) -> RawReply:
            reply: RawReply = await ask(poster, URL(at_home(url, port), encoded=True), *rest, **how)
            return reply

        setattr(Poster, name, here)


class NetWithoutInternet:
    """The network of this machine, on which mainnet is a port of 127.0.0.1 and nothing else is anywhere."""

    def __init__(self, inner: Any, port: int) -> None:
        self._inner = inner
        self._port = port

    def http_session(self, **more: Any) -> aiohttp.ClientSession:
        session: Any = self._inner.http_session(**more)
        request = session._request

        async def here(method: str, url: Any, **rest: Any) -> aiohttp.ClientResponse:
            response: aiohttp.ClientResponse = await request(method, at_home(url, self._port), **rest)
            return response

        session._request = here
        return session  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def main(config: str, state: str, port: str) -> int:
    world = real_world()
    ask_at_home(int(port))
    net: Any = NetWithoutInternet(world.net, int(port))
    return run_daemon(RunOptions(config=config, state=state), replace(world, net=net))


if __name__ == "__main__":
    sys.exit(main(*map(str, map(Path, sys.argv[1:3])), sys.argv[3]))
