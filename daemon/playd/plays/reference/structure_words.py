"""Detectors of market structure in words."""

from typing import Final

from playd.plays.reference.kind_words import KindWords

_RANGES: Final = {
    "new_this_bar": "a new one was found on this bar",
    "new_direction": "its side on that bar: 1 bullish, −1 bearish; 0 on every other bar",
    "new_upper": "its upper edge on that bar, else missing",
    "new_lower": "its lower edge on that bar, else missing",
    "nearest_bull_upper": "upper edge of the living bullish one whose middle is nearest to the close, the newer of equals",
    "nearest_bull_lower": "its lower edge",
    "nearest_bear_upper": "upper edge of the nearest living bearish one",
    "nearest_bear_lower": "its lower edge",
    "active_bull_count": "how many bullish ones live",
    "active_bear_count": "how many bearish ones live",
    "any_mitigated_this_bar": "this bar came back into one, which ends its life",
}
"""What gaps, order blocks and breakers report alike."""

_VERSION: Final = {"version": "counts what changed since the first loaded bar: compare its changes, not its values"}
_MAX_ACTIVE: Final = {"max_active": "how many of the newest are kept, whether they live or not"}

PARAMETERS: Final[dict[str, str]] = {
    "atr_key": (
        "id of a feature on the same clock whose value is the ATR. Without it: the feature called `atr` there, else an"
        " `atr` of 14 of its own"
    ),
    "body_atr_min": "least body of the candle, in ATR",
    "wick_ratio_max": "most wick, in bodies",
}
"""Parameters that mean the same in every detector."""

STRUCTURES: Final[dict[str, KindWords]] = {
    "rolling_window": KindWords(
        "The highest or lowest value of the last `size` bars, the present one included: so `close > x.value` can never be"
        " true of a `max` of highs (W305) unless `exclude_current` is set. Of fewer bars while there are fewer.",
        {"value": "the extreme"},
        fade="size",
        params={
            "size": "bars of the window",
            "source": "which field of the candle",
            "mode": "lowest or highest",
            "exclude_current": "the `size` bars before the present one, from the second bar on",
        },
    ),
    "swing": KindWords(
        "Highs and lows at which price turned. `fractal`: a high strictly above every other high of the `left` bars before"
        " and the `right` bars after it; of equal ones none is a pivot. It is known `right` bars late. `atr_zigzag`: an"
        " extreme from which price came back by `atr_multiplier` ATR; known then. Nothing is ever changed in the past. Two"
        " pivots of opposite sides that follow each other are a pair: low then high bullish, high then low bearish; of"
        " several of one side in a row the last one counts.",
        {
            "high_level": "level of the last high",
            "low_level": "level of the last low",
            "high_idx": "bar index of the last high",
            "low_idx": "bar index of the last low",
            "high_version": "how many highs were accepted",
            "low_version": "how many lows were accepted",
            "high_significance": "distance from the high before it, in ATR; missing for the first one and without ATR",
            "low_significance": "the same of the last low",
            "high_is_major": "its significance is at least `major_threshold`",
            "low_is_major": "the same of the last low",
            "high_accepted": "a high was accepted on this bar",
            "low_accepted": "a low was accepted on this bar",
            "high_replaced_pending": "on this bar a more extreme high took the place of the last one (`strict_alternation`)",
            "low_replaced_pending": "the same of a low",
            "pair_high_level": "high of the last pair",
            "pair_low_level": "low of the last pair",
            "pair_high_idx": "bar index of that high",
            "pair_low_idx": "bar index of that low",
            "version": "how many pivots were accepted",
            "last_confirmed_pivot_idx": "bar index of the newest pivot",
            "last_confirmed_pivot_type": "its side",
            "pair_direction": "direction of the last pair",
            "pair_version": "how many pairs there were",
            "pair_anchor_hash": "a name of the pair, for metadata; conditions may ask whether it is `none`",
        },
        fade="10 * (left + right + 1) if mode == 'fractal' else 500",
        params={
            "mode": "how pivots are found",
            "left": "bars before the pivot; required in `fractal`, refused in `atr_zigzag` (E104)",
            "right": "bars after it; as `left`",
            "atr_multiplier": "how far price must come back, in ATR; `atr_zigzag` only (E104)",
            "major_threshold": "significance from which a pivot is major, in ATR",
            "min_atr_move": "least distance from the pivot of that side before it, in ATR; without ATR it filters nothing",
            "min_pct_move": "the same in percent of that pivot",
            "strict_alternation": "a pivot of the side of the last one is accepted only if it is more extreme",
        },
    ),
    "trend": KindWords(
        "Direction and strength from the waves between the pivots of a swing: higher highs and higher lows, or lower ones.",
        {
            "direction": "1 up, −1 down, 0 undecided",
            "strength": "0, 1, or 2 where the waves before say the same",
            "bars_in_trend": "bars since the direction last changed; one with a pivot that ends no wave is not counted",
            "wave_count": "how many pairs of waves agree, plus one; 0 while undecided",
            "last_wave_direction": "direction of the newest wave",
            "last_hh": "its high was higher than the one before",
            "last_hl": "its low was higher",
            "last_lh": "its high was lower",
            "last_ll": "its low was lower",
            "version": "how often the direction changed",
        },
        fade="2 * swing",
        params={"wave_history_size": "waves that are remembered"},
    ),
    "market_structure": KindWords(
        "Breaks of structure (BOS: a close beyond the last pivot in the direction of the bias) and changes of character"
        " (CHoCH: a close beyond the pivot behind the last break, which turns the bias). A level breaks once; after a"
        " CHoCH the next one needs a BOS.",
        {
            "break_level_high": "the high whose break is waited for; missing while there is none",
            "break_level_low": "the low",
            "bias": "1 up, −1 down, 0 before the first break",
            "bos_this_bar": "a break of structure on this bar",
            "bos_direction": "direction of the last one, kept",
            "last_bos_idx": "bar index of the last one",
            "last_bos_level": "level that it broke",
            "choch_this_bar": "a change of character on this bar",
            "choch_direction": "direction of the last one, kept",
            "last_choch_idx": "bar index of the last one",
            "last_choch_level": "level that it broke",
            "version": "how many events there were",
        },
        fade="2 * swing",
        params={"confirmation_close": "the close breaks a level; false: high or low do"},
    ),
    "fibonacci": KindWords(
        "Levels at ratios of the distance between two pivots. `retracement`: high − ratio · range, whatever the direction,"
        " so that ratio 0 is the high. `extension`: beyond the high of a bullish pair, below the low of a bearish one."
        " `extension_up`, `extension_down`: always that way. They stay until the anchors change.",
        {
            "anchor_high": "upper anchor",
            "anchor_low": "lower anchor",
            "range": "their distance",
            "anchor_direction": "direction of pair or trend; `none` without either",
            "anchor_hash": "name of the pair, for metadata",
            "anchor_trend_direction": "direction of the trend when the anchors were taken; 0 unless `use_trend_anchor`",
            "level[x]": "price at the ratio x of `levels`; also `level_0.618`, and `level[0.50]` is `level[0.5]`",
        },
        params={
            "levels": "ratios",
            "mode": "how a ratio becomes a price; `extension` needs a pair or a trend (E314)",
            "use_paired_anchor": (
                "anchors are the last pair; false: the last high and the last low. Default true, and false with"
                " `use_trend_anchor`"
            ),
            "use_trend_anchor": (
                "the pair is taken over whenever the trend has a direction; needs a `trend` in `uses` (both true: E314)"
            ),
        },
    ),
    "zone": KindWords(
        "The range behind the last pivot, `width_atr` ATR wide: demand below a low, supply above a high. A new pivot"
        " replaces it, a close through it breaks it. Without ATR a pivot waits.",
        {
            "state": "`active` until a close goes through it, then `broken`",
            "upper": "upper edge",
            "lower": "lower edge",
            "anchor_idx": "bar index of its pivot",
            **_VERSION,
        },
        params={"zone_type": "which side", "width_atr": "width in ATR"},
    ),
    "displacement": KindWords(
        "A candle with a large body and short wicks. Its own bar is in the ATR. Without ATR there is none.",
        {
            "is_displacement": "this bar is one",
            "direction": "1 up, −1 down; 0 on every other bar",
            "body_atr_ratio": "body in ATR, of every bar; missing without ATR",
            "wick_ratio": "wicks in bodies, of every bar; missing without ATR, and without a body",
            "last_idx": "bar index of the last one",
            "last_direction": "its direction, kept",
            "version": "how many there were",
        },
        fade="150",
    ),
    "fair_value_gap": KindWords(
        "Three candles of which the first and the third do not overlap. A gap that is filled to a half is mitigated, one"
        " that a close goes through is invalid; neither lives on.",
        {
            **_RANGES,
            "any_mitigated_this_bar": "a gap was filled to a half on this bar",
            "nearest_bull_fill_pct": "how much of the nearest bullish gap is filled, a fraction: 0.5 is the end of it",
            "nearest_bear_fill_pct": "the same of the nearest bearish one",
            **_VERSION,
        },
        fade="200",
        params={"min_gap_atr": "least width in ATR; above 0 there is no gap without ATR", **_MAX_ACTIVE},
    ),
    "order_block": KindWords(
        "The last candle of the other colour before a strong move. From the next bar on a close through it invalidates it,"
        " else a touch mitigates it; neither lives on.",
        {
            **_RANGES,
            "any_invalidated_this_bar": "a close went through one on this bar",
            "last_invalidated_direction": "its side on that bar; 0 on every other bar",
            "last_invalidated_upper": "its upper edge on that bar, else missing",
            "last_invalidated_lower": "its lower edge on that bar, else missing",
            "version": "how many were found",
        },
        fade="max((swing or 200) - displacement, 0)",
        params={
            "use_body": "the block is the body; false: the whole candle",
            "require_displacement": (
                "the move must be a displacement: of the one in `uses`, else by the two keys below; false: its body alone"
                " counts"
            ),
            "lookback": "how far back the candle may stand: two bars more than this",
            **_MAX_ACTIVE,
        },
    ),
    "derived_zone": KindWords(
        "Zones around ratios of the last pair (or of the last high and low), in slots: a new pair fills from slot 0 on,"
        " the last of `levels` ends there, older ones move back and fall out. A close inside is a touch, on every such"
        " bar; a close beyond the edge by `break_tolerance_pct`, on either side, breaks it: with the default a zone lives"
        " only while price stays close (W306).",
        {
            "zone[N].lower": "lower edge of slot N, from 0 to `max_active` − 1; also `zoneN_lower`. Of an empty slot missing",
            "zone[N].upper": "upper edge",
            "zone[N].state": "`none` for an empty slot",
            "zone[N].anchor_idx": "bar index of its making",
            "zone[N].age_bars": "bars since then",
            "zone[N].touch_count": "touches",
            "zone[N].last_touch_age": "bars since the last touch; missing before the first",
            "zone[N].instance_id": "a number that names the zone",
            "zone[N].touched_this_bar": "the close lies inside an active zone",
            "zone[N].inside": "the same",
            "active_count": "how many are active",
            "any_active": "one is",
            "any_touched": "one was touched on this bar",
            "any_inside": "the close lies inside one",
            "first_active_lower": "lower edge of the lowest slot that is active",
            "first_active_upper": "upper edge of it",
            "first_active_idx": "number of that slot",
            "newest_active_idx": "the same",
            "source_version": "count of pairs (or pivots) that the zones were made of",
        },
        params={
            "levels": "ratios, counted down from the high",
            "max_active": "slots",
            "mode": "retracement: below the high; extension: above it",
            "width_pct": "width, a **fraction** of the price: 0.002 is 0.2 %",
            "use_paired_source": "made of the last pair; false: of the last high and the last low",
            "break_tolerance_pct": "how far beyond its edge a close breaks it, a **fraction** of the price",
        },
    ),
    "liquidity_zones": KindWords(
        "Prices at which several swings ended, and the bars whose wick takes them. A swept zone is gone. Without ATR only"
        " the nearest levels are made anew, and pivots wait.",
        {
            "new_zone_this_bar": "a zone was found on this bar",
            "sweep_this_bar": "one was swept on this bar",
            "sweep_direction": "on that bar 1 highs, −1 lows; 0 on every other bar",
            "swept_level": "the level on that bar, else missing",
            "nearest_high_level": "level of highs nearest to the close, the older of equals",
            "nearest_low_level": "level of lows nearest to the close",
            "nearest_high_touches": "how many highs made it; 0 if there is none",
            "nearest_low_touches": "how many lows made it; 0 if there is none",
            "version": "counts new and swept zones",
        },
        fade="2 * swing",
        params={
            "tolerance_atr": "how far apart the swings of one zone may lie, in ATR",
            "sweep_atr": "how far beyond the level a wick must go, in ATR",
            "min_touches": "least swings of a zone",
            "max_active": "zones of each side",
            "max_swing_history": "swings of each side that are remembered",
        },
    ),
    "premium_discount": KindWords(
        "Where the close lies between the low and the high of the last pair: the upper quarter is premium, the lower one"
        " discount, both with their edge. A pair without width counts as equilibrium.",
        {
            "equilibrium": "middle of the pair",
            "premium_level": "three quarters up",
            "discount_level": "one quarter up",
            "zone": "where the close lies; `none` before the first pair",
            "depth_pct": "place of the close, a fraction: 0 low or below, 1 high or above",
            "version": "how often the zone changed",
        },
    ),
    "breaker_block": KindWords(
        "An order block through which a close went on the very bar of a CHoCH: from then on a block of the other"
        " direction, which lives like an order block. It needs both structures in `uses`.",
        {**_RANGES, "version": "how many were found"},
        params=_MAX_ACTIVE,
    ),
}
"""Every detector of the catalog by its name."""


def parameters_of(name: str) -> dict[str, str]:
    """What each parameter of a detector means."""
    return {**PARAMETERS, **STRUCTURES[name].params}
