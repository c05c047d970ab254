"""Settings: what holds by default, which layer wins, and how everything that is wrong is named at once, with its place."""

from decimal import Decimal
from pathlib import PurePath

import pytest

from playd.cli.venue_accounts import key_accounts
from playd.core.errors import SettingsError
from playd.core.modes import Environment, Mode
from playd.ops.slo import objectives_of
from playd.settings import MainText, as_rows, load
from playd.settings.layers import TABLES, field_at
from playd.settings.model import MarketSource
from playd.settings.unsupported import UNSUPPORTED
from playd.world.virtual import VirtualWorld, virtual_world

MAIN = PurePath("/config/playd.toml")


def world_with(text: str = "", env: dict[str, str] | None = None, **more: str) -> VirtualWorld:
    """A world whose configuration is `text`, with more files `conf.d/<name>.toml`."""
    world = virtual_world(env=env)
    world.disk.mkdir(PurePath("/config/conf.d"))
    world.disk.write_replace(MAIN, text.encode())
    for name, content in more.items():
        world.disk.write_replace(PurePath(f"/config/conf.d/{name}.toml"), content.encode())
    return world


def refusal(text: str = "", env: dict[str, str] | None = None, flags: dict[str, tuple[str, str]] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(world_with(text, env), flags=flags)
    assert caught.value.exit_code == 78
    return str(caught.value)


def test_with_nothing_two_examples_trade_on_paper() -> None:
    loaded = load(virtual_world())
    settings = loaded.settings
    assert [(name, one.mode, one.account, str(one.play)) for name, one in settings.instances.items()] == [
        ("ema-cross", Mode.PAPER, "paper", "plays/ema_cross_rsi.yml"),
        ("bollinger", Mode.PAPER, "paper", "plays/bollinger_reversion.yml"),
    ]
    assert settings.accounts["paper"].environment is Environment.LOCAL
    assert (settings.market.source, settings.market.speed) == (MarketSource.SYNTHETIC, 60.0)
    assert loaded.origin("market.speed") == "built-in"


def test_a_text_is_read_in_place_of_the_main_file_with_the_files_and_variables_beside_it() -> None:
    world = world_with("[risk]\nnet_pct = 50\n", {"PLAYD_RISK__GROSS_PCT": "120"}, more="[streams]\nping_s = 10\n")
    found = load(world, instead=MainText("/home/new.toml", "[risk]\nmax_leverage = 2\n"))
    risk = found.settings.risk
    assert (risk.net_pct, risk.max_leverage, risk.gross_pct, found.settings.streams.ping_s) == (100, 2, 120, 10)
    assert found.origin("risk.max_leverage") == "/home/new.toml:2"
    assert load(world).settings.risk.net_pct == 50


def test_faults_of_such_a_text_are_named_by_its_file_line_and_key() -> None:
    with pytest.raises(SettingsError) as caught:
        load(virtual_world(), instead=MainText("new.toml", "[risk]\nnet_pc = 50\n[streams]\nping_s = -1\n"))
    assert str(caught.value).splitlines()[0].startswith("new.toml:2: unknown key risk.net_pc; did you mean risk.net_pct?")
    with pytest.raises(SettingsError, match=r"new\.toml:4: streams\.ping_s"):
        load(virtual_world(), instead=MainText("new.toml", "[risk]\nnet_pct = 50\n[streams]\nping_s = -1\n"))


def test_directories_follow_a_checkout_by_default() -> None:
    places = load(virtual_world()).locations
    assert (str(places.config_dir), str(places.state_dir), str(places.run_dir)) == ("/config", "/state", "/state/run")
    assert places.credentials_dir is None


def test_directories_follow_the_service_manager() -> None:
    env = {
        "CONFIGURATION_DIRECTORY": "/etc/playd",
        "STATE_DIRECTORY": "/var/lib/playd",
        "RUNTIME_DIRECTORY": "/run/playd",
        "CREDENTIALS_DIRECTORY": "/run/credentials/playd.service",
    }
    places = load(virtual_world(env=env)).locations
    assert str(places.config_dir) == "/etc/playd"
    assert str(places.state_dir) == "/var/lib/playd"
    assert str(places.control_socket) == "/run/playd/control.sock"
    assert str(places.credentials_dir) == "/run/credentials/playd.service"


def test_each_layer_beats_the_one_before_and_is_named_as_origin() -> None:
    def speed(*, env: bool = False, flag: bool = False, **more: str) -> tuple[float, str]:
        world = world_with("[market]\nspeed = 2", {"PLAYD_MARKET__SPEED": "5"} if env else None, **more)
        loaded = load(world, flags={"market.speed": ("--speed", "6")} if flag else None)
        return loaded.settings.market.speed, loaded.origin("market.speed")

    assert speed() == (2.0, "/config/playd.toml:2")
    assert speed(a="[market]\nspeed = 3", b="\n\nmarket.speed = 4") == (4.0, "/config/conf.d/b.toml:3")
    assert speed(a="[market]\nspeed = 3", env=True) == (5.0, "PLAYD_MARKET__SPEED")
    assert speed(env=True, flag=True) == (6.0, "--speed")


def test_amounts_are_what_was_written() -> None:
    loaded = load(world_with("[orders]\nentry_band_bps = 12.1\nexit_tolerance_pct = [0.1, 2]"))
    assert loaded.settings.orders.entry_band_bps == Decimal("12.1")
    assert loaded.settings.orders.exit_tolerance_pct == (Decimal("0.1"), Decimal(2))


def test_lists_and_booleans_come_from_variables() -> None:
    env = {"PLAYD_SUPERVISOR__BACKOFF_S": "2, 4", "PLAYD_LOG__FORMAT": "json"}
    settings = load(virtual_world(env=env)).settings
    assert settings.supervisor.backoff_s == (2.0, 4.0)
    assert settings.log.format == "json"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[market]\nspede = 2", "/config/playd.toml:2: unknown key market.spede; did you mean market.speed?"),
        ("[markte]\nspeed = 2", "/config/playd.toml:1: unknown table markte; did you mean market?"),
        ("[market]\nspeed = 0", "/config/playd.toml:2: market.speed: found 0, expected 1 to 100000 ×"),
        ("[market]\nspeed = nan", "/config/playd.toml:2: market.speed: found NaN, expected a finite number"),
        ('[market]\nspeed = "6"', "/config/playd.toml:2: market.speed: found '6', expected a number in ×"),
        ("[journal]\nsync_ms = 1.5", "/config/playd.toml:2: journal.sync_ms: found 1.5, expected a whole number in ms"),
        ("[market]\nspeed = true", "/config/playd.toml:2: market.speed: found True, expected a number in ×"),
        (
            '[instances.one]\nplay = "x.yml"\nmode = "papr"',
            "/config/playd.toml:3: instances.one.mode: found 'papr', expected one of backtest, shadow, paper, demo, live; "
            "did you mean paper?",
        ),
        ('[instances.one]\nmode = "paper"', "/config/playd.toml:1: instances.one.play: is missing"),
        ("[accounts.mine]", "/config/playd.toml:1: accounts.mine.environment: is missing"),
        ("[market]\nspeed = ", "/config/playd.toml:2: Invalid value"),
        ("[orders]\nstall_s = 60", "/config/playd.toml:2: orders.stall_s is not supported: a resting entry ends as its Play"),
        (
            '[accounts.a]\nenvironment = "demo"\nallow_withdrawal_key = true',
            "/config/playd.toml:3: accounts.a.allow_withdrawal_key is not supported: a key that may move funds is refused",
        ),
        ("[risk]\nmax_loss_streak = 5", "/config/playd.toml:2: risk.max_loss_streak is not supported: losses are bounded by"),
        ("[breakers]\nrejects_in_row = 3", "/config/playd.toml:2: breakers.rejects_in_row is not supported: what a refusal"),
        (
            '[[alerts.routes]]\nname = "a"\nmodes = ["live"]',
            "/config/playd.toml:1: alerts.routes.modes: is not supported: what a",
        ),
        (
            '[[alerts.routes]]\nname = "a"\nkind = ["x"]',
            "/config/playd.toml:1: alerts.routes.kind: is an unknown key here; did you mean kinds?",
        ),
        (
            '[[gates.windows]]\nkind = "block"\nwhen = "07:00"',
            "/config/playd.toml:1: gates.windows.when: is an unknown key here, expected one of kind, days, from,",
        ),
        ("[reload]\nrehearsal_bars = 9", "/config/playd.toml:1: reload is not supported: a running instance keeps"),
        (
            '[accounts.a]\nenvironment = "demo"\nposition_mode = "hedge"',
            "/config/playd.toml:3: accounts.a.position_mode is not supported: positions are one-way",
        ),
        ("[market]\n[market]", "/config/playd.toml:2:8: Cannot declare ('market',) twice"),
        ("market = 3", "/config/playd.toml:1: unknown key market"),
    ],
)
def test_a_wrong_file_is_refused_with_file_line_and_expectation(text: str, expected: str) -> None:
    assert refusal(text).startswith(expected)


def test_what_is_not_supported_is_no_key() -> None:
    assert [key for key in UNSUPPORTED if field_at((key[0], "name", key[1]) if key[0] in TABLES else key) is not None] == []


@pytest.mark.parametrize("table", ["risk", "accounts.main.risk", "instances.alpha.risk"])
def test_what_is_not_supported_is_refused_in_every_table_that_could_hold_it(table: str) -> None:
    assert "not in groups" in refusal(f"[{table}]\nclusters = 1\n")


def test_all_faults_of_a_file_are_named_at_once() -> None:
    text = "[market]\nspeed = 0\nstale_s = 5\n[streams]\npoll_s = 99\n"
    assert [line.split(": ")[0] for line in refusal(text).splitlines()] == [
        "/config/playd.toml:2",
        "/config/playd.toml:3",
        "/config/playd.toml:5",
    ]


def test_lines_count_behind_values_of_several_lines() -> None:
    text = '[supervisor]\nbackoff_s = [\n  1, # first\n  2,\n]\n[daemon]\nstate_dir = """\nx"""\nstop_budget_s = 1\n'
    assert refusal(text).startswith("/config/playd.toml:9: daemon.stop_budget_s: found 1, expected 5")


def test_a_child_is_told_the_file_that_somebody_named_and_else_the_directory() -> None:
    world = virtual_world()
    world.disk.mkdir(PurePath("/etc/playd"))
    world.disk.write_replace(PurePath("/etc/playd/prod.toml"), b"[supervisor]\n", keep_previous=False)
    places = load(world, config="/etc/playd/prod.toml").locations
    assert (str(places.config), str(places.config_dir)) == ("/etc/playd/prod.toml", "/etc/playd")
    assert str(load(virtual_world()).locations.config) == "/config"


def test_a_named_file_must_exist() -> None:
    assert "/other.toml: No such file" in refusal(env={"PLAYD_CONFIG": "/other.toml"})


def test_binary_and_huge_files_are_refused() -> None:
    world = world_with()
    world.disk.write_replace(MAIN, b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(world)
    world.disk.write_replace(MAIN, b"#" * (2**20 + 1))
    with pytest.raises(SettingsError, match="larger than"):
        load(world)


def test_a_key_in_the_file_is_refused_and_never_shown() -> None:
    planted = "AbCdEfGh1234567890Zz"
    for text in (
        f'[accounts.a]\nAPI_KEY = "{planted}"',
        f'[accounts.a]\napi_secret = "{planted}"',
        f'[daemon]\ntoken = "{planted}"',
    ):
        found = refusal(text)
        assert "credential file" in found
        assert planted not in found


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"PLAYD_MARKET__SPEDE": "1"}, "PLAYD_MARKET__SPEDE: unknown key market.spede; did you mean market.speed?"),
        ({"PLAYD_SPEED": "1"}, "PLAYD_SPEED: unknown variable"),
        ({"PLAYD_MARKET__SPEED": "fast"}, "PLAYD_MARKET__SPEED: found 'fast', expected a number"),
        ({"PLAYD_DAEMON__LIVE": "true"}, "PLAYD_DAEMON__LIVE: daemon.live can only be set in the configuration file"),
        ({"PLAYD_STATE_DIR": "/a", "PLAYD_DAEMON__STATE_DIR": "/b"}, "PLAYD_STATE_DIR and PLAYD_DAEMON__STATE_DIR"),
        ({"TRADING_MODE": "demo", "PLAYD_TRADING_MODE": "live"}, "PLAYD_TRADING_MODE and TRADING_MODE name one setting"),
        ({"TRADING_MODE": "live", "BYBIT_USE_DEMO": "yes"}, "TRADING_MODE=live contradicts BYBIT_USE_DEMO=yes"),
        ({"TRADING_MODE": "paper", "BYBIT_USE_DEMO": "off"}, "TRADING_MODE=paper contradicts BYBIT_USE_DEMO=off"),
        ({"BYBIT_USE_DEMO": "maybe"}, "BYBIT_USE_DEMO: found 'maybe', expected one of true"),
        ({"BYBIT_USE_DEMO": "1", "CONFIRM_LIVE_TRADING": "yep"}, "CONFIRM_LIVE_TRADING: found 'yep', expected one of true"),
        ({"TRADING_MODE": "turbo"}, "TRADING_MODE: found 'turbo', expected one of paper, demo, live, real"),
        ({"BYBIT_DEMO_API_KEY": "x"}, "BYBIT_DEMO_API_KEY and BYBIT_DEMO_API_SECRET belong together"),
    ],
)
def test_a_wrong_environment_is_refused(env: dict[str, str], expected: str) -> None:
    assert expected in refusal(env=env)


def test_a_wrong_flag_is_named() -> None:
    assert refusal(flags={"market.speed": ("--speed", "x")}) == "--speed: found 'x', expected a number"
    assert "--speed: market.speed: found 0, expected 1 to 100000" in refusal(flags={"market.speed": ("--speed", "0")})


@pytest.mark.parametrize(
    ("env", "ceiling"),
    [
        ({}, Mode.LIVE),
        ({"TRADING_MODE": "real"}, Mode.LIVE),
        ({"TRADING_MODE": "demo"}, Mode.DEMO),
        ({"PLAYD_USE_DEMO": "1"}, Mode.DEMO),
        ({"CONFIRM_LIVE_TRADING": "true"}, Mode.LIVE),
        ({"CONFIRM_LIVE_TRADING": "no"}, Mode.DEMO),
    ],
)
def test_variables_only_lower_the_ceiling(env: dict[str, str], ceiling: Mode) -> None:
    assert load(virtual_world(env=env)).ceiling.mode is ceiling


LIVE = """
daemon.live = true
[accounts.main]
environment = "live"
expected_uid = "1"
[instances.one]
play = "x.yml"
mode = "live"
"""


def test_a_live_instance_under_a_demo_ceiling_is_refused() -> None:
    assert load(world_with(LIVE)).settings.instances["one"].account == "main"
    assert "TRADING_MODE allows demo at most" in refusal(LIVE, {"TRADING_MODE": "demo"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LIVE.replace('"1"', '""'), "accounts.main.expected_uid: is required"),
        (
            LIVE.replace('mode = "live"', 'mode = "real"'),
            "expected one of backtest, shadow, paper, demo, live; did you mean live?",
        ),
        ("[daemon]\nmode = 1", "unknown key daemon.mode; did you mean instances.NAME.mode?"),
        (LIVE.replace('mode = "live"', 'mode = "backtest"'), "found backtest, expected shadow, paper, demo or live"),
        (LIVE.replace('mode = "live"', 'mode = "demo"'), "instances.one.account: is missing: mode demo needs an account"),
        ('[instances.ema_cross]\nplay = "x"\nmode = "paper"', "not beginning with -; did you mean ema-cross?"),
        ('[instances.all]\nplay = "x"\nmode = "paper"', "instances.all: all means something else"),
        (
            LIVE.replace("accounts.main", "accounts.shadow-main"),
            "accounts.shadow-main: begins like the own account of an instance",
        ),
        ('[accounts.paper-desk]\nenvironment = "local"', "accounts.paper-desk: begins like the own account of an instance"),
        (LIVE + 'account = "mian"', "there is no account mian; accounts are: main"),
        (LIVE.replace('mode = "live"', 'mode = "demo"\naccount = "main"'), "main is live"),
        (LIVE.replace('mode = "live"', 'mode = "shadow"\naccount = "main"'), "takes no account"),
        ("[orders]\nnaked_halt_s = 40", "must rise"),
        ("[disk]\nhalt_mib = 5000", "must fall"),
        ("[streams]\ndead_s = 20", "must be above ping_s (20 s)"),
        ('[market]\nsource = "recorded"', "market.recorded_file: is missing"),
        (
            "[alerts]\n" + 2 * '[[alerts.routes]]\nname = "phone"\ncommand = ["true"]\n',
            "phone is the name of more than one route",
        ),
        (
            LIVE + 'account = "main"\n[accounts.again]\nenvironment = "live"\nexpected_uid = "1"',
            "accounts.again.expected_uid: found 1, which is that of account main",
        ),
        (
            '[market]\nrecorded_reference_file = "E.parquet"',
            "market.recorded_reference_file: is set, and market.source is synthetic",
        ),
    ],
)
def test_contradictions_are_refused(text: str, expected: str) -> None:
    assert expected in refusal(text)


def test_a_demo_pair_of_the_environment_makes_an_account_beside_the_examples() -> None:
    env = {"BYBIT_DEMO_API_KEY": "planted-key", "BYBIT_DEMO_API_SECRET": "planted-secret"}
    world = virtual_world(env=env)
    loaded = load(world)
    assert loaded.settings.accounts["demo"].environment is Environment.DEMO
    assert set(loaded.settings.instances) == {"ema-cross", "bollinger"}
    assert loaded.key_pairs["demo"].secret.reveal() == "planted-secret"
    assert "planted" not in repr(loaded)
    assert world.env.get("BYBIT_DEMO_API_SECRET") is None


def test_a_live_pair_of_the_environment_makes_an_account_that_lacks_its_uid_and_stops_no_start() -> None:
    env = {"BYBIT_LIVE_API_KEY": "planted-key", "BYBIT_LIVE_API_SECRET": "planted-secret"}
    loaded = load(virtual_world(env=env))
    assert loaded.settings.accounts["live"].environment is Environment.LIVE
    accepted, refused = key_accounts(virtual_world(), loaded)
    assert accepted == {}
    assert refused == {"live": "accounts.live: a live account needs expected_uid"}
    assert "live" not in load(virtual_world(env={**env, "BYBIT_USE_DEMO": "true"})).settings.accounts


@pytest.mark.parametrize(
    ("name", "value"),
    [("BYBIT_USE_DEMO", "true"), ("TRADING_MODE", "paper"), ("TRADING_MODE", "demo"), ("CONFIRM_LIVE_TRADING", "no")],
)
def test_no_account_of_real_money_is_opened_where_a_variable_forbids_it(name: str, value: str) -> None:
    text = (
        LIVE.split("[instances.one]")[0]
        + 'credential_file = "/key"\n[accounts.try]\nenvironment = "demo"\ncredential_file = "/key"'
    )
    for env, opened in (({name: value}, {"try"}), ({}, {"main", "try"})):
        world = world_with(text, env)
        world.disk.write_replace(PurePath("/key"), b"api_key=k\napi_secret=s\n")
        accepted, refused = key_accounts(world, load(world))
        assert accepted.keys() == opened
        assert refused.keys() == {"main", "try"} - opened
        assert all(why.startswith(f"{name} allows demo at most") for why in refused.values())


def test_two_spellings_of_one_value_are_no_contradiction() -> None:
    env = {"BYBIT_USE_DEMO": "YES", "PLAYD_USE_DEMO": "1", "TRADING_MODE": "demo", "PLAYD_TRADING_MODE": "Demo"}
    assert load(world_with(env=env)).ceiling.mode is Mode.DEMO
    said = refusal(env={"PLAYD_DEMO_API_KEY": "1", "BYBIT_DEMO_API_KEY": "true"})
    assert "PLAYD_DEMO_API_KEY and BYBIT_DEMO_API_KEY name one setting" in said


def test_a_pair_feeds_the_one_account_without_another_source() -> None:
    env = {"PLAYD_DEMO_API_KEY": "k", "PLAYD_DEMO_API_SECRET": "s"}
    one = '[accounts.a]\nenvironment = "demo"\n[accounts.b]\nenvironment = "demo"\ncredential_file = "/x"\n'
    assert set(load(world_with(one, env)).key_pairs) == {"a"}
    assert "could feed a and b" in refusal(one.replace('credential_file = "/x"', ""), env)


def test_declared_instances_replace_the_examples_and_find_their_account() -> None:
    settings = load(world_with('[instances.mine]\nplay = "plays/mine.yml"\nmode = "paper"')).settings
    assert {name: one.account for name, one in settings.instances.items()} == {"mine": "paper"}
    text = '[accounts.sandbox]\nenvironment = "local"\n[instances.mine]\nplay = "plays/mine.yml"\nmode = "paper"'
    settings = load(world_with(text)).settings
    assert set(settings.accounts) == {"sandbox"}
    assert settings.instances["mine"].account == "sandbox"


def test_the_digest_names_what_holds_not_where_it_was_set() -> None:
    by_file = load(world_with("[market]\nspeed = 2"))
    by_variable = load(virtual_world(env={"PLAYD_MARKET__SPEED": "2"}))
    assert by_file.digest == by_variable.digest != load(virtual_world()).digest


def test_rows_show_every_key_with_its_origin() -> None:
    rows = {name: (value, origin) for name, value, origin in as_rows(load(world_with("[market]\nspeed = 2")))}
    assert rows["market.speed"] == (2.0, "/config/playd.toml:2")
    assert rows["instances.bollinger.mode"] == ("paper", "built-in")


def test_routes_are_an_array_of_tables_and_wrong_ones_name_their_place() -> None:
    text = """
[incidents]
ack_repeat_min = 7

[[alerts.routes]]
name = "phone"
command = ["/usr/bin/tell", "me"]

[[alerts.routes]]
name = "mail"
credential = "/run/mail"
quiet_hours = "22:00-06:00"
"""
    world = virtual_world()
    world.disk.mkdir(PurePath("/config"))
    world.disk.write_replace(PurePath("/config/playd.toml"), text.encode())
    settings = load(world).settings
    alerts = settings.alerts
    assert [(route.name, route.command, route.quiet_hours) for route in alerts.routes] == [
        ("phone", ("/usr/bin/tell", "me"), ""),
        ("mail", (), "22:00-06:00"),
    ]
    assert settings.incidents.ack_repeat_min == 7
    world.disk.write_replace(PurePath("/config/playd.toml"), text.replace("quiet_hours", "quite_hours").encode())
    with pytest.raises(SettingsError, match=r"playd.toml:5: alerts.routes.quite_hours: is an unknown key"):
        load(world)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[slo.naked]\nwarning = 1\n", ""),
        ("[slo.naked]\nwarning = 3\n", r"playd.toml:2: slo.naked.warning: found 3, expected at most 2 s"),
        (
            "[slo.key_days_left]\nwarning = 10\n",
            r"playd.toml:2: slo.key_days_left.warning: found 10, expected at least 15 days",
        ),
        ("[slo.nacked]\nwarning = 1\n", r"playd.toml:1: slo.nacked: there is no figure of that name; did you mean naked\?"),
        ("[slo.naked]\nwaring = 1\n", r"playd.toml:2: unknown key slo.naked.waring; did you mean slo.naked.warning\?"),
        ("[slo.naked.risk]\ngross_pct = 1\n", r"unknown key slo.naked.risk"),
        ("[clock]\nwarn_ms = 900\nstop_ms = 800\n", r"playd.toml:3: clock.stop_ms: must be above warn_ms \(900 ms\)"),
        ("[streams]\nalert_critical_s = 20\n", r"playd.toml:2: streams.alert_critical_s: must be above alert_warn_s"),
    ],
)
def test_objectives_are_only_tightened_and_wrong_ones_name_their_place(text: str, found: str) -> None:
    if found:
        with pytest.raises(SettingsError, match=found):
            load(world_with(text))
    else:
        assert objectives_of(load(world_with(text)).settings)["naked"].warning == 1.0


def test_a_table_of_a_key_is_read_with_the_place_of_each_line() -> None:
    text = '[log.levels]\n"feed.*" = "WARNING"\n'
    loaded = load(world_with(text))
    assert loaded.settings.log.levels == {"feed.*": "WARNING"}
    assert ("log.levels.feed.*", "WARNING", "/config/playd.toml:2") in as_rows(loaded)
    assert load(world_with('[log]\nlevels = { "feed.*" = "WARNING" }\n')).settings.log == loaded.settings.log
    with pytest.raises(SettingsError, match=r"playd.toml:2: log.levels.feed.\*: found 'LOUD', expected one of DEBUG"):
        load(world_with(text.replace("WARNING", "LOUD")))
    with pytest.raises(SettingsError, match=r"unknown key log.format.feed"):
        load(world_with('[log.format]\nfeed = "text"\n'))
