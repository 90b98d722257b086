"""What every model has to hold to. A model is tested by naming it: ``check_model(model.fill, case)``.

Nothing here knows how a model works; a plugin's author can use it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eda_plugin.config import FillSettings, NullProgress
from eda_plugin.data.dataset import complete_template, reveal
from eda_plugin.domain import Corner, Library, Origin, Points
from eda_plugin.hooks.registries import Fill

__all__ = ["Case", "check_model", "same_library"]


@dataclass(frozen=True)
class Case:
    """What a model is asked: ``measured`` at ``target`` on the tables of ``template``, from ``anchors``."""

    anchors: Sequence[Library]
    template: Library
    target: Corner
    measured: Points | None = None
    settings: FillSettings = FillSettings()  # noqa: RUF009 - frozen


def same_library(one: Library, other: Library) -> bool:
    """Bit for bit: keys, values, origins and intervals."""
    if one.keys != other.keys or not np.array_equal(one.origin, other.origin):
        return False
    for a, b in ((one.values, other.values), (one.lower, other.lower), (one.upper, other.upper)):
        if a is None or b is None:
            if a is not b:
                return False
        elif not np.array_equal(a, b, equal_nan=True):
            return False
    return True


def _copy(library: Library) -> Library:
    return library.with_values(library.values.copy(), library.origin.copy())


def check_model(fill: Fill, case: Case) -> Library:
    """Fills twice, the second time with the anchors in another order; returns the library. Raises ``AssertionError`` for what is broken."""
    before = [_copy(library) for library in (*case.anchors, case.template)]
    runs = [
        fill(anchors, case.template, case.target, case.measured, case.settings, NullProgress())
        for anchors in (list(case.anchors), list(case.anchors)[::-1])
    ]
    library = runs[0].library
    for library_now, was in zip((*case.anchors, case.template), before, strict=True):
        assert same_library(library_now, was), f"{was.name} was changed"
    assert same_library(library, runs[1].library), "the same seed gave another answer, or the order of the anchors counts"
    whole = complete_template(case.template, sorted(case.anchors, key=lambda anchor: (anchor.corner, anchor.source)))
    assert library.corner == case.target
    assert set(whole.keys) == set(library.keys), "tables were lost or invented"
    assert np.isfinite(library.values).all(), "values are missing"
    assert (library.origin != Origin.MISSING).all(), "an origin is missing"
    known = library.with_values(np.full(len(library.values), np.nan), library.origin).values.copy()
    reveal(library, case.measured, known)
    told = np.isfinite(known)
    assert np.array_equal(library.values[told], known[told]), "a measured value was changed"
    assert (library.origin[told] == Origin.MEASURED).all(), "a measured value has another origin"
    given = {key: table for key, table in zip(whole.keys, whole, strict=True) if table.known.all()}
    for key, table in given.items():
        assert np.array_equal(library[key].values, table.values), f"{key}: the template's own value was changed"
        assert np.array_equal(library[key].origin, table.origin), f"{key}: the template's own value has another origin"
    if library.lower is not None and library.upper is not None:
        assert (library.lower <= library.values).all()
        assert (library.values <= library.upper).all()
        assert np.array_equal(library.lower[told], library.upper[told]), "what was measured is not certain"
    return library
