"""The directories of an installation: a checkout's, a service's, or named ones."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd.settings.model import Settings
from playd.world.ports import World

FILE_NAME: Final = "playd.toml"


@dataclass(frozen=True, slots=True)
class Locations:
    """
    The directories of this installation, absolute. `credentials_dir` exists only under a service manager; `config` is what
    `--config` must say to read the same files: the main file where somebody named one, else the directory.
    """

    config: PurePath
    config_dir: PurePath
    state_dir: PurePath
    run_dir: PurePath
    credentials_dir: PurePath | None

    @property
    def control_socket(self) -> PurePath:
        return self.run_dir / "control.sock"


def config_place(world: World, flag: str | None) -> tuple[PurePath, PurePath, bool]:
    """Directory, main file, and whether somebody named it, so that it must exist."""
    named = flag or world.env.get("PLAYD_CONFIG")
    place = world.process.working_dir() / (named or world.env.get("CONFIGURATION_DIRECTORY") or "config")
    if place.suffix == ".toml":
        return place.parent, place, True
    return place, place / FILE_NAME, bool(named)


def files(world: World, config_dir: PurePath, main_file: PurePath, *, required: bool) -> list[PurePath]:
    files = [main_file] if required or world.disk.exists(main_file) else []
    directory = config_dir / "conf.d"
    if world.disk.exists(directory):
        files += [directory / name for name in world.disk.list(directory) if name.endswith(".toml")]
    return files


def locations(world: World, config_dir: PurePath, main_file: PurePath, settings: Settings, *, named: bool) -> Locations:
    here = world.process.working_dir()
    env = world.env
    state_dir = here / (settings.daemon.state_dir or env.get("STATE_DIRECTORY") or "state")
    run_dir = settings.daemon.run_dir or env.get("RUNTIME_DIRECTORY")
    credentials = env.get("CREDENTIALS_DIRECTORY")
    return Locations(
        config=main_file if named else config_dir,
        config_dir=config_dir,
        state_dir=state_dir,
        run_dir=here / run_dir if run_dir else state_dir / "run",
        credentials_dir=PurePath(credentials) if credentials else None,
    )
