"""Coherence of environments and hosts, key checks, credentials."""

import dataclasses
from pathlib import PurePath

import pytest

from playd.core.errors import CredentialError, SettingsError
from playd.core.modes import Environment
from playd.core.secret import Secret
from playd.venues.bybit.credentials import parse_credentials, read_credentials
from playd.venues.bybit.environment import (
    DEMO,
    REGIONS,
    TESTNET,
    Hosts,
    check_coherence,
    default_hosts,
    local_hosts,
    venue_account,
)
from playd.venues.bybit.key_check import key_expires_soon, key_refusal
from playd.venues.port import KeyInfo
from playd.world.virtual import virtual_world

LIVE = REGIONS["global"]


@pytest.mark.parametrize(
    ("environment", "hosts"),
    [
        (Environment.LOCAL, local_hosts(8080)),
        (Environment.TESTNET, TESTNET),
        (Environment.DEMO, DEMO),
        *((Environment.LIVE, hosts) for hosts in REGIONS.values()),
    ],
)
def test_every_environment_accepts_its_own_hosts(environment: Environment, hosts: Hosts) -> None:
    check_coherence(environment, hosts)


OTHERS = {Environment.LOCAL: local_hosts(1), Environment.TESTNET: TESTNET, Environment.DEMO: DEMO, Environment.LIVE: LIVE}


FOREIGN = [
    (environment, foreign, role)
    for environment in Environment
    for foreign in Environment
    for role in ("rest", "private", "trade")
    if environment is not foreign and getattr(OTHERS[foreign], role)
]


@pytest.mark.parametrize(("environment", "foreign", "role"), FOREIGN)
def test_a_private_address_of_another_environment_is_refused(environment: Environment, foreign: Environment, role: str) -> None:
    address = getattr(OTHERS[foreign], role)
    with pytest.raises(SettingsError, match=str(environment)) as refused:
        check_coherence(environment, dataclasses.replace(OTHERS[environment], **{role: address}))
    assert address in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["http://192.168.1.2:80", "http://localhost.example.com", "http://[::2]:80", "ftp://127.0.0.1", "http://u:p@127.0.0.1"],
)
def test_local_accepts_loopback_only(url: str) -> None:
    with pytest.raises(SettingsError):
        check_coherence(Environment.LOCAL, dataclasses.replace(local_hosts(1), rest=url))


def test_unencrypted_known_hosts_are_refused() -> None:
    with pytest.raises(SettingsError, match="not encrypted"):
        check_coherence(Environment.LIVE, dataclasses.replace(LIVE, rest="http://api.bybit.com"))


def test_a_look_alike_host_belongs_to_nobody() -> None:
    with pytest.raises(SettingsError, match="no environment"):
        check_coherence(Environment.LIVE, dataclasses.replace(LIVE, rest="https://api.bybit.com.example.org"))


def test_default_hosts_know_their_regions() -> None:
    assert default_hosts(Environment.LIVE, "eu").rest == "https://api.bybit.eu"
    with pytest.raises(SettingsError, match="unknown"):
        default_hosts(Environment.LIVE, "mars")
    with pytest.raises(SettingsError, match="port"):
        default_hosts(Environment.LOCAL)


def test_live_needs_an_expected_uid_and_only_local_has_lock_step() -> None:
    with pytest.raises(SettingsError, match="expected_uid"):
        venue_account("a", Environment.LIVE, LIVE, Secret("k"), Secret("s"))
    with pytest.raises(SettingsError, match="lock-step"):
        venue_account("a", Environment.DEMO, DEMO, Secret("k"), Secret("s"), lock_step=True)
    assert venue_account("a", Environment.LIVE, LIVE, Secret("k"), Secret("s"), expected_uid="7").money == "real"
    for key in ("k\r\nHost: elsewhere", "k\x00", "k k", "k\u00e9"):
        with pytest.raises(CredentialError, match="its key holds a character"):
            venue_account("a", Environment.DEMO, DEMO, Secret(key), Secret("s"))


GOOD = KeyInfo(uid="7", read_only=False, can_trade=True, can_withdraw=False, bound_to_addresses=True, days_left=None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"uid": "8"}, "uid 8"),
        ({"read_only": True}, "read-only"),
        ({"can_trade": False}, "ContractTrade"),
        ({"can_withdraw": True}, "move funds"),
        ({"bound_to_addresses": False}, "not bound"),
    ],
)
def test_a_key_that_does_not_fit_is_refused_with_its_reason(change: dict[str, object], words: str) -> None:
    info = dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]
    assert words in str(key_refusal(info, Environment.LIVE, expected_uid="7"))


def test_a_fitting_key_passes_and_live_insists_on_a_uid() -> None:
    assert key_refusal(GOOD, Environment.LIVE, expected_uid="7") is None
    assert "expected_uid" in str(key_refusal(GOOD, Environment.LIVE))
    unbound = dataclasses.replace(GOOD, bound_to_addresses=False)
    assert key_refusal(unbound, Environment.LIVE, expected_uid="7", allow_unbound_key=True) is None
    assert key_refusal(unbound, Environment.DEMO) is None
    moving = dataclasses.replace(GOOD, can_withdraw=True)
    assert [environment for environment in Environment if key_refusal(moving, environment, expected_uid="7") is None] == []


def test_only_unbound_keys_expire() -> None:
    assert not key_expires_soon(GOOD)
    assert key_expires_soon(dataclasses.replace(GOOD, days_left=1))
    assert not key_expires_soon(dataclasses.replace(GOOD, days_left=2))


def test_credential_files_hold_a_key_and_a_secret_or_a_pem() -> None:
    plain = parse_credentials("# note\napi_key = K1\napi_secret=S1\n", "f")
    assert (plain.api_key.reveal(), plain.secret.reveal(), plain.rsa) == ("K1", "S1", False)
    pem = "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----"
    rsa = parse_credentials(f"api_key=K1\n{pem}\n", "f")
    assert (rsa.secret.reveal(), rsa.rsa) == (pem + "\n", True)


@pytest.mark.parametrize(
    "text",
    ["", "api_key=VERYSECRET", "api_secret=VERYSECRET", "VERYSECRET", "api_key=VERYSECRET\napi_secret=S\n-----BEGIN X-----\n"],
)
def test_a_broken_credential_file_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(CredentialError) as refused:
        parse_credentials(text, "file")
    assert "VERYSECRET" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_credential_file_that_others_can_read_is_refused(mode: int) -> None:
    world = virtual_world()
    path = PurePath("/creds/bybit-a")
    world.disk.mkdir(path.parent)
    world.disk.write_replace(path, b"api_key=K\napi_secret=S\n", mode=mode)
    with pytest.raises(CredentialError, match="others can read"):
        read_credentials(world, path)
    world.disk.chmod(path, 0o600)
    assert read_credentials(world, path).api_key.reveal() == "K"


def test_what_the_service_manager_hands_over_may_show_the_mask_of_its_access_list() -> None:
    world = virtual_world(env={"CREDENTIALS_DIRECTORY": "/creds"})
    for path in (PurePath("/creds/bybit-a"), PurePath("/creds/deeper/bybit-a")):
        world.disk.mkdir(path.parent)
        world.disk.write_replace(path, b"api_key=K\napi_secret=S\n", mode=0o440)
    assert read_credentials(world, PurePath("/creds/bybit-a")).secret.reveal() == "S"
    with pytest.raises(CredentialError, match="others can read"):
        read_credentials(world, PurePath("/creds/deeper/bybit-a"))
    world.disk.chmod(PurePath("/creds/bybit-a"), 0o444)
    with pytest.raises(CredentialError, match="others can read"):
        read_credentials(world, PurePath("/creds/bybit-a"))


def test_a_missing_credential_file_is_a_credential_error() -> None:
    with pytest.raises(CredentialError, match="nowhere"):
        read_credentials(virtual_world(), PurePath("/nowhere"))
