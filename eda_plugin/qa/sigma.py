"""How uncertain a filled corner is, as sigma tables for a timer with statistics: of the model's error, not of the process."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from eda_plugin.domain import Library, Origin, Table
from eda_plugin.domain.quantity import TIMING
from eda_plugin.errors import UserError

__all__ = ["sigma_tables"]


def sigma_tables(library: Library, coverage: float) -> tuple[Table, ...]:
    """For each delay and transition table the early and the late sigma, in s on its own axes, named as ``ocv_sigma_cell_rise:early``.

    The interval, which covers the share ``coverage`` of the true values, is taken for the middle part of a normal law: a sigma is the
    distance from the value to its end, over that law's quantile. What was measured or copied is certain: 0. A table of which a model's
    value has no interval has no sigma. Raises ``UserError`` for a library without intervals, and for one with LVF tables of its own:
    those tell of the process, and a table cannot tell of both.
    """
    if library.lower is None or library.upper is None:
        raise UserError(f"library {library.name}: its model gives no intervals, so there is no sigma; take another --model")
    own = next((key for key in library.keys if key.quantity.startswith("ocv_")), None)
    if own is not None:
        raise UserError(f"library {library.name} has LVF tables of its own ({own.quantity} of {own.cell}); --sigma would take their place")
    quantile = NormalDist().inv_cdf((1 + coverage) / 2)
    certain = np.isin(library.origin, (Origin.MEASURED, Origin.COPIED))
    ends = {"early": library.values - library.lower, "late": library.upper - library.values}
    sigmas = {side: np.where(certain, 0.0, np.maximum(end, 0.0) / quantile) for side, end in ends.items()}
    tables = []
    for row, key in enumerate(library.keys):
        if key.quantity not in TIMING:
            continue
        part, table = slice(int(library.start[row]), int(library.start[row + 1])), library.table(row)
        for side, sigma in sigmas.items():
            if np.isfinite(sigma[part]).all():
                name, values = f"ocv_sigma_{key.quantity}:{side}", sigma[part].reshape(table.values.shape)
                tables.append(Table(key._replace(quantity=name), table.axes, values, table.origin))
    return tuple(tables)
