"""Current-source models: carried through with the corner that they were characterized at, never into another one."""

from __future__ import annotations

from collections import Counter

import numpy as np

from eda_plugin.adapters.liberty.document import Document
from eda_plugin.adapters.liberty.edit import Edits
from eda_plugin.adapters.liberty.scan import GROUP
from eda_plugin.domain.quantity import group_of

__all__ = ["CCS", "drop_models"]

# Groups whose numbers hold for one corner and that this package does not fill: current-source models of timing, noise, receivers and power.
CCS = (
    "output_current_rise", "output_current_fall", "compact_ccs_rise", "compact_ccs_fall", "ccs_retain_rise", "ccs_retain_fall",
    "receiver_capacitance", "receiver_capacitance1_rise", "receiver_capacitance1_fall", "receiver_capacitance2_rise",
    "receiver_capacitance2_fall", "receiver_capacitance_rise", "receiver_capacitance_fall", "ccsn_first_stage", "ccsn_last_stage",
    "input_ccb", "output_ccb", "dc_current", "output_voltage_rise", "output_voltage_fall", "propagated_noise_high", "propagated_noise_low",
    "propagation_noise_high", "propagation_noise_low", "noise_immunity_above_high", "noise_immunity_below_low", "noise_immunity_high",
    "noise_immunity_low", "steady_state_current_high", "steady_state_current_low", "steady_state_current_tristate",
    "dynamic_current", "leakage_current", "gate_leakage", "intrinsic_parasitic",
)  # fmt: skip
_CCS_REFERENCES = ("active_input_ccb", "active_output_ccb", "propagating_ccb")


def drop_models(document: Document, edits: Edits, keep_ccs: bool, placed: set[int]) -> Counter[str]:
    """Take out current-source models, and the variation tables that nobody filled."""
    index = document.index
    last = int(np.searchsorted(index.start, index.end[document.row]))
    entries = document.entries
    owners = zip(entries.owner.tolist(), entries.keys, strict=True)
    variation = {owner for owner, key in owners if group_of(key.quantity) == "variation"} - placed
    inside = range(document.row + 1, last)
    rows: set[int] = set()
    if not keep_ccs:
        models = index.rows(CCS, GROUP).tolist()
        rows = {row for row in models if row in inside and index.name_of(int(index.parent[row])) != "library"}
        rows |= {row for name in _CCS_REFERENCES for row in index.by_parent(name).values() if row in inside}
    dropped: Counter[str] = Counter()
    gone = 0
    for row in sorted(rows | variation):
        if index.start[row] >= gone:
            edits.drop(row)
            dropped[index.name_of(row)] += 1
            gone = int(index.end[row])
    return dropped
