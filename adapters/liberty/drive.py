"""The edge that drove the inputs when a library was characterized: ``normalized_driver_waveform`` and who names it.

Liberty User Guide, "Driver Waveform Support": rows by ``input_net_transition``, times at each ``normalized_voltage``; cells and pins choose
by ``driver_waveform``, ``driver_waveform_rise`` and ``driver_waveform_fall``; a group without a name is the library's default.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eda_plugin.adapters.liberty.decode import decode
from eda_plugin.adapters.liberty.document import Document, is_liberty, library_rows
from eda_plugin.adapters.liberty.header import attributes
from eda_plugin.adapters.liberty.scan import COMPLEX, GROUP, SIMPLE
from eda_plugin.adapters.liberty.source import load
from eda_plugin.domain import Library
from eda_plugin.domain.waveform import Waveform
from eda_plugin.errors import UserError

__all__ = ["driver_waveform"]

_GROUP = "normalized_driver_waveform"
_NAMED_BY = ("driver_waveform", "driver_waveform_rise", "driver_waveform_fall")
_OFF = 0.02  # of a slew: how far a row's own slew may be from the one that it stands for

Floats = NDArray[np.float64]


def driver_waveform(library: Library) -> Waveform | None:
    """The form that all of a library's cells were driven with; ``None`` for a ramp, which is also meant where the library says nothing or
    was not read from a Liberty file.

    Raises ``UserError`` where cells, edges or slews have different ones, or one is named that is not there, and ``ParseError`` for a group
    that makes no sense.
    """
    if not is_liberty(library.source):
        return None
    source = load(Path(library.source))
    names = [source.index.argument(row) for row in library_rows(source)]
    document = Document(source, library.name if library.name in names else None)  # a template at another corner has another name
    index = document.index
    groups = {_name(document, int(row)): int(row) for row in index.children(document.row, GROUP) if index.name_of(int(row)) == _GROUP}
    used = {"": 0} if "" in groups else {}
    for row in map(int, index.rows(_NAMED_BY, SIMPLE)):
        used.setdefault(index.value(row), row)
    lacking = [which for which in used if which not in groups]
    if lacking:
        raise document.source.error(int(index.left[used[lacking[0]]]), f"no {_GROUP} of this name in the library", lacking[0])
    forms = {which: _read(document, groups[which]) for which in sorted(used)}
    if not forms:
        return None
    first, *others = forms
    other = next((which for which in others if not forms[which].like(forms[first])), None)
    if other is not None:
        raise UserError(
            f"{document.path}: driver waveforms {first!r} and {other!r} have different forms; one form for all edges is understood"
        )
    lower, upper, derate = _thresholds(document)
    return None if forms[first].like(Waveform.ramp((upper - lower) / derate)) else forms[first]


def _name(document: Document, row: int) -> str:
    own = attributes(document.index, row).get("driver_waveform_name")
    return "" if own is None else document.index.value(own)


def _thresholds(document: Document) -> tuple[float, float, float]:
    header = document.header
    return header.threshold("slew_lower", "rise"), header.threshold("slew_upper", "rise"), header.derate


def _read(document: Document, row: int) -> Waveform:
    """The form of a group's rows, in slews."""
    index, source = document.index, document.source
    parts: dict[str, Floats] = {}
    for child in map(int, index.children(row, COMPLEX)):
        left, right = index.left[[child]], index.right[[child]]
        parts[index.name_of(child)], _ = decode(index.text, left, right, source.error)
    slews, levels, times = (parts.get(name, np.zeros(0)) for name in ("index_1", "index_2", "values"))
    if not len(slews) or not len(levels) or len(times) != len(slews) * len(levels):
        raise source.error(
            int(index.left[row]),
            f"{_GROUP}: {len(times)} values for {len(slews)} slews (index_1) and {len(levels)} levels (index_2); expected one a pair",
        )
    lower, upper, derate = _thresholds(document)
    forms: list[Waveform] = []
    for slew, line in zip(slews, times.reshape(len(slews), len(levels)), strict=True):
        try:
            form = Waveform(tuple(((line - line[0]) / slew).tolist()), tuple(levels.tolist()))
        except UserError as error:
            raise source.error(int(index.left[row]), f"{_GROUP} at a slew of {slew:g}: {error}") from error
        first, last = np.interp((lower, upper), form.levels, form.times)
        if abs((last - first) / derate - 1) > _OFF:
            raise source.error(
                int(index.left[row]),
                f"{_GROUP}: the row of slew {slew:g} has one of {(last - first) / derate * slew:g} between the thresholds",
            )
        if forms and not form.like(forms[0]):
            raise source.error(
                int(index.left[row]), f"{_GROUP}: its form changes from slew {slews[0]:g} to {slew:g}; one form is understood"
            )
        forms.append(form)
    return forms[0]
