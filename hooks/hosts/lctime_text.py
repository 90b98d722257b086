"""What lctime writes, made Liberty: its slews are an input's whole ramp, and a table of one column names no second variable.

lctime 0.0.26 takes each number of ``--slew-times`` for the time from rail to rail (``timing_combinatorial.py`` and ``timing_sequential.py``
start a ``StepWave`` of that ``transition_time``), and writes it as index of ``input_net_transition``, which Liberty counts between the slew
thresholds. The transitions of outputs it measures between the thresholds, as Liberty does.
"""

from __future__ import annotations

import re

from eda_plugin.errors import UserError

__all__ = ["ramp_share", "with_liberty_slews"]

_TEMPLATE = re.compile(r"\b(?:lu_table|power_lut)_template\s*\(\s*(\w+_template_\d+x(\d+))\s*\)\s*\{([^}]*)\}")
_VARIABLE = re.compile(r"\bvariable_([123])\s*:\s*\"?(\w+)\"?\s*;")
_TABLE = re.compile(r"\b\w+(?<!_template)\s*\(\s*(\w+_template_\d+x\d+)\s*\)\s*\{[^}]*\}")
_SECOND = {"delay": "input_net_transition", "energy": "input_transition_time"}
_THRESHOLDS = tuple(f"slew_{end}_threshold_pct_{edge}" for edge in ("rise", "fall") for end in ("lower", "upper"))


def ramp_share(template: str) -> float:
    """Liberty slew of a straight ramp, as a share of the time that it takes from rail to rail.

    Raises ``UserError`` where the library states no slew thresholds, or other ones for rising than for falling edges: lctime takes one list
    of slews for both.
    """
    found = {name: re.search(rf"\b{name}\s*:\s*\"?([0-9.eE+-]+)", template) for name in (*_THRESHOLDS, "slew_derate_from_library")}
    absent = [name for name in _THRESHOLDS if found[name] is None]
    if absent:
        raise UserError(f"the template has no {', '.join(absent)}; lctime needs slew thresholds")
    stated = {name: float(match[1]) for name, match in found.items() if match is not None}
    rise, fall = (stated[f"slew_upper_threshold_pct_{edge}"] - stated[f"slew_lower_threshold_pct_{edge}"] for edge in ("rise", "fall"))
    if rise != fall or rise <= 0:
        raise UserError(
            f"the template's slew thresholds span {rise:g} % of a rising and {fall:g} % of a falling edge; lctime needs one positive span"
        )
    if stated.get("slew_derate_from_library", 1.0) != 1.0:
        raise UserError(
            "the template has a slew_derate_from_library other than 1; lctime does not apply it to the transitions that it writes"
        )
    return rise / 100


def with_liberty_slews(text: str, share: float) -> str:
    """lctime's library with the slews of its own tables between the thresholds; ``share`` as ``ramp_share`` gives it.

    Tables that lctime took over from its template, known by their template's name, keep theirs.
    """
    slews: dict[str, list[str]] = {}

    def template(found: re.Match[str]) -> str:
        name, columns, body = found.groups()
        variables = dict(_VARIABLE.findall(body))
        second = _SECOND.get(name.partition("_")[0])
        missing = columns == "1" and "2" not in variables and second is not None
        if missing:
            variables["2"] = str(second)
        slews[name] = [place for place, variable in variables.items() if "transition" in variable]
        return found[0] if not missing else f"{found[0][:-1]}  variable_2 : {second};\n  }}"

    def table(found: re.Match[str]) -> str:
        new = found[0]
        for place in slews.get(found[1], ()):
            new = re.sub(rf"(\bindex_{place}\s*\()([^)]*)", lambda index: index[1] + _scaled(index[2], share), new)
        return new

    return _TABLE.sub(table, _TEMPLATE.sub(template, text))


def _scaled(numbers: str, share: float) -> str:
    return re.sub(r"[0-9][0-9.]*(?:[eE][+-]?[0-9]+)?", lambda number: f"{float(number[0]) * share:.7g}", numbers)
