"""Canonical JSON and digests: the same value gives the same bytes on every machine."""

import hashlib

import orjson

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def canonical_json(value: object) -> bytes:
    """UTF-8 JSON with keys sorted by code point and no spaces. Raises `TypeError` for values JSON cannot hold."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON, 64 hex characters."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
