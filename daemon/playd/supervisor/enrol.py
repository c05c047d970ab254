"""How an instance comes to be: a checked Play, a name, a mode and an account become a record."""

from dataclasses import dataclass
from pathlib import PurePath

from playd.core.modes import Mode
from playd.plays.evaluation import evaluation_of
from playd.plays.model import Play
from playd.supervisor.plays import find_play, read_play
from playd.supervisor.records import InstanceRecord
from playd.world.ports import World


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to run. A paper instance without `account` gets a wallet of its own."""

    name: str
    play: str
    mode: Mode
    account: str = ""
    declared: bool = False
    enabled: bool = True
    capital_usd: str = ""
    """What its engine begins with; empty for the Play's own."""
    risk: str = "{}"
    """Keys of `[risk]` for it alone, as JSON."""


def own_account(mode: Mode, uid: str) -> str:
    """
    What the ledger calls an instance's own account, empty in modes that trade on a common one.

    A paper instance has a wallet of its own, because instances on one symbol must not touch each other's position; a shadow
    has no account at all, only a book.
    """
    return f"{mode}-{uid}" if mode in (Mode.SHADOW, Mode.PAPER) else ""


def enrol(world: World, plays_dir: PurePath, wish: Wish) -> tuple[InstanceRecord, Play]:
    """A new record for a wish, with a fresh uid, and its Play. Raises `PlayError` with every finding."""
    path = find_play(world.disk, wish.play, plays_dir, world.process.working_dir())
    play = read_play(world.disk, path)
    uid, now_ms = world.random.uid8(), world.clock.wall_ms()
    return (
        InstanceRecord(
            uid=uid,
            name=wish.name,
            account=wish.account or own_account(wish.mode, uid),
            mode=wish.mode,
            symbol=play.symbol,
            play_path=str(path),
            play_digest=play.play_hash,
            capital_usd=wish.capital_usd or repr(play.deploy.capital_usdt),
            clock_ms=evaluation_of(play).decision_ms,
            created_ms=now_ms,
            changed_ms=now_ms,
            declared=wish.declared,
            enabled=wish.enabled,
            risk=wish.risk,
            # Real money begins small, whatever was asked for.
            capital_step="micro" if wish.mode is Mode.LIVE else "full",
        ),
        play,
    )
