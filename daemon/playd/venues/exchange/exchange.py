"""The local exchange as one object: a trading floor and the server around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from playd.market.feed import GrowingFeed
from playd.venues.exchange.app import build_app
from playd.venues.exchange.floor import Floor


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """Where a running exchange is reached. `admin_token` opens the admin requests."""

    port: int
    rest_url: str
    public_url: str
    private_url: str
    admin_token: str


class Exchange(Floor):
    """A local exchange that can be reached: `async with exchange.running() as info`."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ExchangeInfo]:
        """
        Serve and let the market move until the block ends; may be used once. Raises `OSError` when the address is taken, and
        `RecordError` out of the block when records cannot be written.
        """
        host = self.config.host
        try:
            async with (
                self.world.net.serve_http(build_app(self), host, self.config.port) as port,
                anyio.create_task_group() as tasks,
            ):
                if isinstance(self.feed, GrowingFeed):
                    tasks.start_soon(self.feed.run)
                tasks.start_soon(self.market.run)
                tasks.start_soon(self.dcp.run)
                tasks.start_soon(self.faults.run)
                tasks.start_soon(self.watch_for_failure)
                yield ExchangeInfo(
                    port=port,
                    rest_url=f"http://{host}:{port}",
                    public_url=f"ws://{host}:{port}/v5/public/linear",
                    private_url=f"ws://{host}:{port}/v5/private",
                    admin_token=self.admin_token,
                )
                tasks.cancel_scope.cancel()
        finally:
            self.close()
