"""Fields of structures: one spelling for the many that Plays may use, and what is wrong with one that names nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from playd.kernels.structures.spec import Output, Settings, StructureSpec, level_name, slot_name
from playd.plays.findings import IMPORTABLE, Mark, Report, did_you_mean, one_of
from playd.plays.older_names import is_older_field

_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_LEVEL: Final = re.compile(rf"level(?:\[({_NUMBER})\]|_({_NUMBER}))\Z")
_SLOT: Final = re.compile(r"zone(?:\[(\d{1,9})\]\.|(\d{1,9})_)([A-Za-z_]+)\Z")
_ANY_SLOT: Final = re.compile(r"\[\d+\]\.")


@dataclass(frozen=True, slots=True)
class StructureNames:
    """A declared structure. `outputs` by name in the order of its kernel; `uses`: kind to id."""

    spec: StructureSpec
    step_ms: int
    settings: Settings
    outputs: Mapping[str, Output]
    uses: Mapping[str, str]

    def anchors_of(self, own_id: str, field: str) -> str:
        """The structure whose anchors the numbers of a word with free text count; empty for any other output."""
        text = self.outputs[field].text
        if text is None:
            return ""
        kinds = [name.partition(".")[0] for name in text.reads if "." in name]
        return self.uses.get(kinds[0], "") if kinds else own_id


def canonical(field: str) -> str:
    """The field in its own spelling: `level_0.5` and `level[0.50]` are `level[0.5]`, `zone0_state` is `zone[0].state`."""
    level = _LEVEL.match(field)
    if level:
        return level_name(float(level[1] or level[2]))
    slot = _SLOT.match(field)
    return slot_name(int(slot[1] or slot[2]), slot[3]) if slot else field


class FieldFinder:
    """Finds fields of one structure."""

    def __init__(self, id: str, known: StructureNames, report: Report) -> None:
        self._id = id
        self._kind = known.spec.name
        self._outputs = known.outputs
        self._report = report

    def find(self, field: str, mark: Mark, path: str) -> str | None:
        """The output that `field` means, or None with a finding: E411 unknown, E412 none written, E413 no such number."""
        if not field:
            text = f"found `{self._id}` without a field, expected {one_of(f'{self._id}.{name}' for name in self._shown())}"
            self._report.add("E412", mark, path, text)
            return None
        name = canonical(field)
        if name in self._outputs:
            return name
        numbers = self._numbers_like(name)
        if numbers:
            text = f"found `{field}`, which `{self._id}` does not have, expected {one_of(numbers)}"
            self._report.add("E413", mark, path, text)
            return None
        near = did_you_mean(name, self._outputs)
        text = f"found the unknown field `{field}` of `{self._id}` ({self._kind}), expected {one_of(self._shown())}{near}"
        text += IMPORTABLE if is_older_field(self._kind, field) else ""
        self._report.add("E411", mark, path, text)
        return None

    def _numbers_like(self, name: str) -> list[str]:
        """Declared fields that differ from `name` in their number alone."""
        if "[" not in name:
            return []
        before, after = name.partition("[")[0], name.partition("]")[2]
        return [one for one in self._outputs if one.partition("[")[0] == before and one.partition("]")[2] == after]

    def _shown(self) -> list[str]:
        """Output names, all slots as one."""
        return list(dict.fromkeys(_ANY_SLOT.sub("[N].", name) for name in self._outputs))
