"""Targets of commands: names, globs, selectors, scopes; and the nearest valid name when one is wrong."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

SELECTOR_KEYS: Final = ("mode", "symbol", "account", "state")


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when nothing comes near."""
    found = get_close_matches(name, list(names), n=1, cutoff=0.5)
    return found[0] if found else None


def not_found(kind: str, name: str, names: Collection[str]) -> str:
    """One sentence for an unknown name: the nearest one, or all there are."""
    near = nearest(name, names)
    if near:
        return f"no {kind} {name!r}; did you mean {near!r}?"
    return f"no {kind} {name!r}; there are: {', '.join(sorted(names)) or 'none'}"


def select(target: str | None, rows: Mapping[str, Mapping[str, str]]) -> list[str]:
    """
    Names that a target means, in order.

    Args:
        target: A name, a glob (`ema-*`), a selector (`mode=live`), `all` or None for all.
        rows: For each name its values of `SELECTOR_KEYS`.

    Raises `LookupError` with a sentence when nothing is meant by it, `ValueError` for an unknown selector key.
    """
    if target is None or target == "all":
        return sorted(rows)
    if target in rows:
        return [target]
    if "=" in target:
        key, _, value = target.partition("=")
        if key not in SELECTOR_KEYS:
            raise ValueError(f"no selector {key!r}; there are: {', '.join(SELECTOR_KEYS)}")
        found = sorted(name for name, row in rows.items() if fnmatchcase(row.get(key, ""), value))
    elif any(mark in target for mark in "*?["):
        found = sorted(name for name in rows if fnmatchcase(name, target))
    else:
        raise LookupError(not_found("instance", target, rows))
    if not found:
        raise LookupError(f"nothing matches {target!r}; instances: {', '.join(sorted(rows)) or 'none'}")
    return found
