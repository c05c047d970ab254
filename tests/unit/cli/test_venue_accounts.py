"""One key is one account: two names for it would be two rate budgets, and each would close the other's positions."""

from pathlib import PurePath

import pytest

from playd.cli.venue_accounts import key_accounts
from playd.settings import load
from playd.world.virtual import virtual_world


@pytest.mark.parametrize(
    ("environment", "file", "accepted"),
    [
        ("demo", "/keys/same", ["first"]),
        ("demo", "/keys/other", ["first", "again"]),
        ("testnet", "/keys/same", ["first", "again"]),
    ],
)
def test_an_account_with_the_key_of_another_one_is_refused_by_both_names(
    environment: str, file: str, accepted: list[str]
) -> None:
    world = virtual_world()
    for folder in (PurePath("/keys"), PurePath("/config")):
        world.disk.mkdir(folder)
    for name in ("same", "other"):
        world.disk.write_replace(PurePath("/keys") / name, f"api_key={name}keykeykey\napi_secret=s\n".encode())
    text = "".join(
        f'[accounts.{alias}]\nenvironment = "{where}"\ncredential_file = "{key}"\n'
        for alias, where, key in (("first", "demo", "/keys/same"), ("again", environment, file))
    )
    world.disk.write_replace(PurePath("/config/playd.toml"), text.encode())
    found, refused = key_accounts(world, load(world))
    assert [*found] == accepted
    assert [alias for alias in ("first", "again") if alias in refused] == [each for each in ("again",) if each not in accepted]
    assert all("account again: has the key of account first (" in reason for reason in refused.values())
    assert "samekey" not in str(refused)
