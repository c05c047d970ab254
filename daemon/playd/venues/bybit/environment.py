"""Where each environment lives, and the proof that a key only ever meets the hosts of its own universe."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from playd.core.errors import CredentialError, SettingsError
from playd.core.modes import Environment
from playd.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Hosts:
    """
    The four base addresses of an account, without trailing slash.

    `public` ends in the category (`…/v5/public/linear`). `trade` is empty where order entry by socket does not exist.
    """

    rest: str
    public: str
    private: str
    trade: str


RECV_WINDOW_MS: Final = 5000


def _pattern(rest: str, stream: str, *, trade: bool = True) -> Hosts:
    base = f"wss://{stream}/v5"
    return Hosts(f"https://{rest}", f"{base}/public/linear", f"{base}/private", f"{base}/trade" if trade else "")


REGIONS: Final[dict[str, Hosts]] = {
    "global": _pattern("api.bybit.com", "stream.bybit.com"),
    "bytick": _pattern("api.bytick.com", "stream.bybit.com"),
    "nl": _pattern("api.bybit.nl", "stream.bybit.com"),
    "tr": _pattern("api.bybit.tr", "stream.bybit.tr"),
    "kz": _pattern("api.bybit.kz", "stream.bybit.kz"),
    "ge": _pattern("api.bybitgeorgia.ge", "stream.bybitgeorgia.ge"),
    "ae": _pattern("api.bybit.ae", "stream.bybit.com"),
    "eu": _pattern("api.bybit.eu", "stream.bybit.com"),
    "id": _pattern("api.bybit.id", "stream.bybit.id"),
    "jp": _pattern("api.manepa.jp", "stream.manepa.jp"),
}
"""Mainnet by region. An account opened in a region must use its own REST host."""

TESTNET: Final = _pattern("api-testnet.bybit.com", "stream-testnet.bybit.com")

DEMO: Final = Hosts(
    rest="https://api-demo.bybit.com",
    public="wss://stream.bybit.com/v5/public/linear",  # demo trades on mainnet prices and has no public stream of its own
    private="wss://stream-demo.bybit.com/v5/private",
    trade="",
)

_LIVE_NAMES: Final = frozenset(
    name for hosts in REGIONS.values() for url in (hosts.rest, hosts.private) if (name := urlsplit(url).hostname)
)
_OWN_NAMES: Final[dict[Environment, frozenset[str]]] = {
    Environment.LIVE: _LIVE_NAMES,
    Environment.DEMO: frozenset({"api-demo.bybit.com", "stream-demo.bybit.com"}),
    Environment.TESTNET: frozenset(
        {"api-testnet.bybit.com", "stream-testnet.bybit.com", "api-testnet.manepa.jp", "stream-testnet.manepa.jp"}
    ),
}


def local_hosts(port: int, *, address: str = "127.0.0.1") -> Hosts:
    """The four addresses of a local exchange on one port."""
    base = f"ws://{address}:{port}/v5"
    return Hosts(f"http://{address}:{port}", f"{base}/public/linear", f"{base}/private", f"{base}/trade")


def default_hosts(environment: Environment, region: str = "global") -> Hosts:
    """
    Known addresses of an environment. Raises `SettingsError` for an unknown region and for `local`, which has no fixed port.
    """
    if environment is Environment.DEMO:
        return DEMO
    if environment is Environment.TESTNET:
        return TESTNET
    if environment is Environment.LOCAL:
        raise SettingsError("environment `local` has no default addresses: name the exchange's port")
    if region not in REGIONS:
        raise SettingsError(f"region `{region}` is unknown; known are {', '.join(REGIONS)}")
    return REGIONS[region]


def check_coherence(environment: Environment, hosts: Hosts) -> None:
    """
    Refuse addresses that do not belong to the environment, before the first byte is sent.

    Private calls (REST, private and trade stream) of `live`, `demo` and `testnet` use only known hosts of that environment,
    over TLS. `local` uses loopback only, everywhere. The public stream of `demo` is mainnet's. Raises `SettingsError` naming
    both sides.
    """
    for role, url in (("rest", hosts.rest), ("private", hosts.private), ("trade", hosts.trade)):
        if url:
            _check_private(environment, role, url)
    _check_public(environment, hosts.public)


def _check_private(environment: Environment, role: str, url: str) -> None:
    name = _hostname(role, url)
    if environment is Environment.LOCAL:
        _check_loopback(role, url, name)
        return
    if name not in _OWN_NAMES[environment]:
        owner = next((str(env) for env, names in _OWN_NAMES.items() if name in names), "no environment")
        raise SettingsError(f"account environment is {environment} but its {role} address {url} belongs to {owner}")
    _check_tls(role, url)


def _check_public(environment: Environment, url: str) -> None:
    name = _hostname("public", url)
    if environment is Environment.LOCAL:
        _check_loopback("public", url, name)
        return
    wanted = Environment.TESTNET if environment is Environment.TESTNET else Environment.LIVE
    if name not in _OWN_NAMES[wanted]:
        raise SettingsError(f"account environment is {environment} but its public address {url} is not a {wanted} host")
    _check_tls("public", url)


def _hostname(role: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        raise SettingsError(f"{role} address {url!r} is not an http(s) or ws(s) address")
    if parts.username or parts.password:
        raise SettingsError(f"{role} address of {parts.hostname} carries a user or password")
    return parts.hostname


def _check_loopback(role: str, url: str, name: str) -> None:
    try:
        loopback = ip_address(name).is_loopback
    except ValueError:
        loopback = name == "localhost"
    if not loopback:
        raise SettingsError(f"account environment is local but its {role} address {url} is not a loopback address")


def _check_tls(role: str, url: str) -> None:
    if urlsplit(url).scheme not in ("https", "wss"):
        raise SettingsError(f"{role} address {url} is not encrypted")


_MONEY: Final = {
    Environment.LOCAL: "none",
    Environment.TESTNET: "pretend",
    Environment.DEMO: "pretend",
    Environment.LIVE: "real",
}


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """
    Who trades where: one frozen value, built once from settings and credentials by `venue_account`.

    `money` is `none`, `pretend` or `real`. `rsa` says that `secret` is a private key in PEM form. `lock_step` asks a local
    exchange to wait for us after every minute; no other environment knows it. `expected_uid` and
    `allow_unbound_key` say which key is acceptable (`key_check.key_refusal`). The venue takes a request for `recv_window_ms`
    from its time stamp on. `margin_mode` is what the account must be in, `cross` or `isolated`; empty for either.
    """

    alias: str
    environment: Environment
    hosts: Hosts
    api_key: Secret
    secret: Secret
    rsa: bool
    expected_uid: str
    allow_unbound_key: bool
    money: str
    lock_step: bool
    recv_window_ms: int
    margin_mode: str


def venue_account(
    alias: str,
    environment: Environment,
    hosts: Hosts,
    api_key: Secret,
    secret: Secret,
    *,
    rsa: bool = False,
    expected_uid: str = "",
    allow_unbound_key: bool = False,
    lock_step: bool = False,
    recv_window_ms: int = RECV_WINDOW_MS,
    margin_mode: str = "",
) -> VenueAccount:
    """The account, coherent or refused. Raises `SettingsError`, and `CredentialError` for a key that no header can carry."""
    check_coherence(environment, hosts)
    if not all("!" <= character <= "~" for character in api_key.reveal()):
        raise CredentialError(f"accounts.{alias}: its key holds a character that is no letter, digit or sign")
    if environment is Environment.LIVE and not expected_uid:
        raise SettingsError(f"accounts.{alias}: a live account needs expected_uid")
    if lock_step and environment is not Environment.LOCAL:
        raise SettingsError(f"accounts.{alias}: lock-step exists only on the local exchange, not on {environment}")
    return VenueAccount(
        alias=alias,
        environment=environment,
        hosts=hosts,
        api_key=api_key,
        secret=secret,
        rsa=rsa,
        expected_uid=expected_uid,
        allow_unbound_key=allow_unbound_key,
        money=_MONEY[environment],
        lock_step=lock_step,
        recv_window_ms=recv_window_ms,
        margin_mode=margin_mode,
    )
