"""`playd exchange …`: serve the local exchange, capture what it plays again, read what it did."""

from typing import Annotated

import typer

from playd.cli.commands import JsonOption, StateOption, SymbolOption, for_good, run_command

exchange_app = typer.Typer(
    help="The local exchange: speaks Bybit V5 on 127.0.0.1.", no_args_is_help=True, rich_markup_mode=None
)


@exchange_app.command("serve", epilog="Example: playd exchange serve --synthetic 7 --speed 60 --port 9700")
def exchange_serve(
    candles: Annotated[
        list[str], typer.Option("--candles", metavar="FILE", help="Recorded candles; once for each symbol.")
    ] = [],  # noqa: B006 - typer reads the default and never changes it
    synthetic: Annotated[int, typer.Option("--synthetic", metavar="SEED", help="Seed of a synthetic market.")] = -1,
    markets: Annotated[int, typer.Option("--markets", help="Symbols of a synthetic market; 0: five.", min=0, max=50)] = 0,
    frames: Annotated[str, typer.Option("--frames", metavar="FILE", help="A capture of public frames.")] = "",
    live: Annotated[
        str, typer.Option("--live", metavar="SOURCE", help="mainnet, testnet, a region, or another exchange's address.")
    ] = "",
    symbols: Annotated[str, typer.Option("--symbols", metavar="LIST", help="Of --live or --frames: BTCUSDT,ETHUSDT.")] = "",
    history_days: Annotated[
        float, typer.Option("--history-days", help="Candles of --live from before it starts.", min=0.01, max=30.0)
    ] = 1.0,
    held: Annotated[bool, typer.Option("--held", help="The market waits until it is released or stepped.")] = False,
    speed: Annotated[float, typer.Option("--speed", help="Market minutes per real minute; 0: 60.", min=0.0)] = 0.0,
    now: Annotated[bool, typer.Option("--now", help="A synthetic market in the machine's time, at speed 1.")] = False,
    funding_rate: Annotated[
        float,
        typer.Option("--funding-rate", help="Stamped on a synthetic market, e.g. 0.0001; 0: none.", min=-0.005, max=0.005),
    ] = 0.0,
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 9700,
    symbol: SymbolOption = "",
    lockstep: Annotated[bool, typer.Option("--lockstep", help="Market time waits for clients that ask for it.")] = False,
    state: StateOption = "",
    depth_usdt: Annotated[
        float, typer.Option("--depth-usdt", metavar="USDT", help="Mean size of the first book level; 0 has no end.", min=0.0)
    ] = 0.0,
    participation: Annotated[
        float, typer.Option("--participation", help="Part of a candle's volume that limit orders get; 0 all.", min=0.0, max=1.0)
    ] = 0.0,
    price_band: Annotated[bool, typer.Option("--price-band", help="Keep prices within the venue's band.")] = False,
    basis_bps: Annotated[
        float, typer.Option("--basis-bps", metavar="BPS", help="How far mark and index stray.", min=0.0, max=500.0)
    ] = 0.0,
    mark_candles: Annotated[
        list[str], typer.Option("--mark-candles", metavar="FILE", help="Recorded mark price; once for each symbol.")
    ] = [],  # noqa: B006 - typer reads the default and never changes it
    index_candles: Annotated[
        list[str], typer.Option("--index-candles", metavar="FILE", help="Recorded index price; once for each symbol.")
    ] = [],  # noqa: B006 - typer reads the default and never changes it
    demo: Annotated[bool, typer.Option("--demo", help="As the venue's demo: no WebSocket orders, money on request.")] = False,
    risk_tiers: Annotated[
        str, typer.Option("--risk-tiers", metavar="TIERS", help="LIMIT:RATE:LEVERAGE,... with limits in USDT.")
    ] = "",
    deleverage: Annotated[bool, typer.Option("--deleverage", help="Pass liquidated positions on to the other side.")] = False,
    faults: Annotated[str, typer.Option("--faults", metavar="FILE", help="Script of what goes wrong on command.")] = "",
) -> None:
    """Serve the local exchange until it is told to stop."""
    with for_good():
        from playd.cli.exchange import ServeOptions, serve_exchange

    options = ServeOptions(
        candles=tuple(candles),
        synthetic=synthetic,
        markets=markets,
        frames=frames,
        live=live,
        symbols=symbols,
        history_days=history_days,
        speed=speed,
        now=now,
        funding_rate=funding_rate,
        held=held,
        port=port,
        symbol=symbol,
        lockstep=lockstep,
        state=state,
        depth_usdt=depth_usdt,
        participation=participation,
        price_band=price_band,
        basis_bps=basis_bps,
        mark_candles=tuple(mark_candles),
        index_candles=tuple(index_candles),
        risk_tiers=risk_tiers,
        insured=not deleverage,
        demo=demo,
        faults=faults,
    )
    run_command(lambda: serve_exchange(options))


@exchange_app.command("record", epilog="Example: playd exchange record --from mainnet --symbols BTCUSDT --out btc.jsonl")
def exchange_record(
    source: Annotated[
        str, typer.Option("--from", metavar="SOURCE", help="mainnet, testnet, a region, or an exchange's address.")
    ],
    symbols: Annotated[str, typer.Option("--symbols", metavar="LIST", help="What to listen to: BTCUSDT,ETHUSDT.")],
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="A new file of JSON Lines.")],
    minutes: Annotated[float, typer.Option("--minutes", help="How long to listen; 0: until told to stop.", min=0.0)] = 0.0,
    history_days: Annotated[
        float, typer.Option("--history-days", help="Candles from before the capture.", min=0.0, max=30.0)
    ] = 1.0,
) -> None:
    """Capture public frames, which `exchange serve --frames` plays again."""
    from playd.cli.exchange_record import RecordOptions, record_frames

    run_command(lambda: record_frames(RecordOptions(source, symbols, out, minutes, history_days)))


@exchange_app.command("ledger", epilog="Example: playd exchange ledger --state state --kind effect --json")
def exchange_ledger(
    state: StateOption = "",
    name: Annotated[str, typer.Option("--name", help="Which exchange, when the state directory has several.")] = "",
    after: Annotated[int, typer.Option("--after", metavar="N", help="Only entries after number N.", min=0)] = 0,
    kind: Annotated[str, typer.Option("--kind", help="Only opened, request, effect, answer, frame or closed.")] = "",
    uid: Annotated[int, typer.Option("--uid", help="Only entries about this user.", min=0)] = 0,
    json: JsonOption = False,
) -> None:
    """Print what a local exchange did: what arrived, what took effect, what was told to whom."""
    from playd.cli.exchange_ledger import LedgerOptions, show_ledger

    run_command(lambda: show_ledger(LedgerOptions(state, name, after, kind, uid, json)))
