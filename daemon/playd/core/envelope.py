"""
State files: a payload in an envelope that says what it is, when it was written, and whether it is whole. Pure.

`{"schema": "<kind>/<n>", "written_ms": …, "digest": "<SHA-256 of the canonical payload>", "payload": {…}}`
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from playd.core.canonical import Json, canonical_json, digest
from playd.core.errors import Broken, StateError

NEWER_EXIT: Final = 80


def seal(schema: str, payload: Mapping[str, Json], written_ms: int, *, limit: int) -> bytes:
    """The envelope of a payload as canonical JSON. Raises `Broken` when it is longer than `limit` bytes."""
    data = canonical_json({"schema": schema, "written_ms": written_ms, "digest": digest(payload), "payload": payload})
    if len(data) > limit:
        raise Broken(f"an envelope {schema} of {len(data)} bytes exceeds {limit}")
    return data


def unseal(schema: str, data: bytes, where: str) -> tuple[dict[str, Any], int]:
    """
    Payload and time of an envelope.

    Raises `StateError`: with exit code 80 when another version wrote it, 78 when it is damaged.
    """
    try:
        envelope = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise StateError(f"{where}: not a whole JSON document ({error}); {len(data)} bytes found") from None
    if not isinstance(envelope, dict) or not {"schema", "written_ms", "digest", "payload"} <= envelope.keys():
        raise StateError(f"{where}: not a state file (schema, written_ms, digest, payload expected)")
    if envelope["schema"] != schema:
        found = f"{where}: schema {envelope['schema']!r} found, {schema!r} expected"
        raise StateError(f"{found}: start the program that wrote it, or restore a backup", exit_code=NEWER_EXIT)
    if digest(envelope["payload"]) != envelope["digest"]:
        raise StateError(f"{where}: the digest does not match the payload")
    return envelope["payload"], int(envelope["written_ms"])
