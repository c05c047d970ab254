"""
Lock-step: market time waits until clients have dealt with what they were sent.

A socket that sends `{"op": "playd.lockstep"}` takes a seat. At a barrier every seat of a kind gets
`{"op": "playd.barrier", "barrier": N}` and must echo it. A seat whose socket is lost stays empty for a grace; whoever opts in
meanwhile with the same kind and user takes it and gets the open barrier again. A private socket that closes with code 1000
gives its seat up: its user has stopped trading.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from playd.venues.exchange.socket import Client


@dataclass(slots=True, eq=False)
class _Seat:
    uid: int | None
    client: Client | None
    lost_s: float = 0.0
    owes: int = 0
    """Number of the barrier that is not echoed yet, 0 when none is."""


@dataclass(slots=True)
class LockStep:
    """
    Seats and the barrier they owe. `mono_s` is the clock for the grace. A client that is connected and silent for `silence_s`
    is cut off; its seat then has the grace to come back.
    """

    mono_s: Callable[[], float]
    grace_s: float
    silence_s: float
    _seats: list[_Seat] = field(default_factory=list)
    _number: int = 0
    _changed: anyio.Event = field(default_factory=anyio.Event)

    @property
    def taken(self) -> bool:
        """Whether any seat is taken or waited for."""
        return bool(self._seats)

    def public_clients(self) -> list[Client]:
        """Connected public sockets in lock-step."""
        return [seat.client for seat in self._seats if seat.client is not None and seat.uid is None]

    def opt_in(self, client: Client) -> None:
        """Give a socket the empty seat of its kind and user, or a new one."""
        if any(seat.client is client for seat in self._seats):
            return
        seat = next((seat for seat in self._seats if seat.client is None and seat.uid == client.uid), None)
        if seat is None:
            seat = _Seat(client.uid, client)
            self._seats.append(seat)
        seat.client = client
        if seat.owes:
            client.send({"op": "playd.barrier", "barrier": seat.owes})
        self._wake()

    def echo(self, client: Client, number: int) -> None:
        """A client has dealt with everything before barrier `number`."""
        for seat in self._seats:
            if seat.client is client and seat.owes and seat.owes <= number:
                seat.owes = 0
                self._wake()

    def left(self, client: Client) -> None:
        """A user's socket said goodbye: its seat is given up at once."""
        self._seats = [seat for seat in self._seats if seat.client is not client]
        self._wake()

    def lost(self, client: Client) -> None:
        """A socket is gone without a goodbye, or the one that candles go to."""
        for seat in self._seats:
            if seat.client is client:
                seat.client, seat.lost_s = None, self.mono_s()
        self._wake()

    def tell_all(self, frame: dict[str, object]) -> None:
        """Send a notice to every socket in lock-step."""
        for seat in self._seats:
            if seat.client is not None:
                seat.client.send(frame)

    async def seats_filled(self) -> None:
        """Wait until no seat is empty, or its grace is over (which gives the seat up)."""
        await self._settled(lambda seat: seat.client is None)

    async def private_barrier(self) -> None:
        """A barrier for the private sockets that were sent something since the last one."""
        await self._barrier(
            [seat for seat in self._seats if seat.uid is not None and (seat.client is None or seat.client.told)]
        )

    async def public_barrier(self) -> None:
        """A barrier for every public socket."""
        await self._barrier([seat for seat in self._seats if seat.uid is None])

    async def _barrier(self, seats: list[_Seat]) -> None:
        if not seats:
            return
        self._number += 1
        for seat in seats:
            seat.owes = self._number
            if seat.client is not None:
                seat.client.told = False
                seat.client.send({"op": "playd.barrier", "barrier": self._number})
        await self._settled(lambda seat: seat.owes != 0)

    async def _settled(self, unsettled: Callable[[_Seat], bool]) -> None:
        """Wait until no seat is `unsettled`. Empty seats are given up after their grace, silent clients cut off."""
        silent_until_s = self.mono_s() + self.silence_s
        while True:
            now_s = self.mono_s()
            if now_s >= silent_until_s:
                self._cut_off_silent(now_s)
                silent_until_s = math.inf
            self._seats = [seat for seat in self._seats if seat.client is not None or now_s < seat.lost_s + self.grace_s]
            if not any(unsettled(seat) for seat in self._seats):
                return
            event = self._changed
            graces_s = [seat.lost_s + self.grace_s for seat in self._seats if seat.client is None]
            with anyio.move_on_after(min([*graces_s, silent_until_s]) - now_s):
                await event.wait()

    def _cut_off_silent(self, now_s: float) -> None:
        for seat in self._seats:
            if seat.client is not None and seat.owes:
                seat.client.hang_up()
                seat.client, seat.lost_s = None, now_s

    def _wake(self) -> None:
        event, self._changed = self._changed, anyio.Event()
        event.set()
