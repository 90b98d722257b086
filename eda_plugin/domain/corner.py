"""Process, voltage, temperature: the conditions that one library holds for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eda_plugin.errors import UserError
from eda_plugin.units import KELVIN

__all__ = ["Corner", "hull_distance", "process_axes"]

_PART_V = re.compile(r"^(\d+)[vp](\d+)v?$", re.IGNORECASE)
_PART_T = re.compile(r"^([nm-]?)(\d+)c$", re.IGNORECASE)
_PART_P = re.compile(r"^(ss|tt|ff|sf|fs|ssg|ffg|ttg|ssgnp|ffgnp|slow|fast|typ|typical|nom)$", re.IGNORECASE)
_LETTER = {"s": -1.0, "t": 0.0, "f": 1.0, "n": 0.0}
_WORDS = {"slow": "ss", "fast": "ff", "typ": "tt", "typical": "tt", "nom": "tt", "nominal": "tt"}


@dataclass(frozen=True, order=True)
class Corner:
    """``process`` by name (lower case), ``voltage`` in V, ``temperature`` in degrees Celsius.

    >>> Corner("ss", 1.28, -40).name
    'ss_n40C_1v28'
    """

    process: str
    voltage: float
    temperature: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "process", self.process.strip().lower())
        object.__setattr__(self, "voltage", float(self.voltage))
        object.__setattr__(self, "temperature", float(self.temperature))
        if not np.isfinite(self.voltage) or self.voltage <= 0:
            raise UserError(f"corner {self.process!r}: the supply is {self.voltage} V; expected a positive number of volts")
        if not np.isfinite(self.temperature) or self.temperature <= -KELVIN:
            raise UserError(f"corner {self.process!r}: the temperature is {self.temperature}; expected degrees Celsius")

    @property
    def name(self) -> str:
        """``process_temperature_voltage`` in the spelling that open PDKs use: ``tt_025C_1v80``."""
        sign = "n" if self.temperature < 0 else ""
        degrees = f"{abs(self.temperature):g}".replace(".", "p")
        degrees = degrees if sign else degrees.zfill(3)
        volts = f"{self.voltage:.4f}".rstrip("0")
        whole, _, rest = volts.partition(".")
        return f"{self.process}_{sign}{degrees}C_{whole}v{rest.ljust(2, '0')}"

    def __str__(self) -> str:
        return self.name

    @classmethod
    def parse(cls, text: str) -> Corner:
        """Read ``ss,1.60,100`` (process, volts, degrees Celsius) or a name such as ``ss_100C_1v60``.

        >>> Corner.parse("ss_n40C_1v28") == Corner.parse("ss, 1.28, -40")
        True
        """
        parts = [part.strip() for part in text.split(",")]
        if len(parts) == 3:
            try:
                return cls(parts[0], float(parts[1]), float(parts[2]))
            except ValueError as error:
                if isinstance(error, UserError):
                    raise
                raise UserError(f"unreadable corner {text!r}; expected PROCESS,VOLTS,CELSIUS such as ss,1.60,100") from None
        found = cls.from_name(text)
        if found is None:
            raise UserError(f"unreadable corner {text!r}; expected PROCESS,VOLTS,CELSIUS such as ss,1.60,100, or ss_100C_1v60")
        return found

    @classmethod
    def from_name(cls, text: str) -> Corner | None:
        """Find process, voltage and temperature in a library's or file's name; ``None`` where one of them is not in it."""
        process: str | None = None
        voltage: float | None = None
        temperature: float | None = None
        for part in re.split(r"__|[_.\s/]+", text):
            if found := _PART_V.match(part):
                voltage = float(f"{found[1]}.{found[2]}")
            elif found := _PART_T.match(part):
                temperature = float(found[2]) * (-1 if found[1] else 1)
            elif _PART_P.match(part):
                process = part.lower()
        if process is None or voltage is None or temperature is None:
            return None
        return cls(process, voltage, temperature)

    @staticmethod
    def process_in(text: str) -> str | None:
        """The process that a library's or file's name states, voltage and temperature or none beside it.

        >>> Corner.process_in("cells__ss_typical_box"), Corner.process_in("cells")
        ('ss', None)
        """
        parts = re.split(r"__|[_.\s/]+", text)
        return next((part.lower() for part in parts if _PART_P.match(part)), None)


def process_axes(process: str) -> tuple[float, float] | None:
    """Speed of the NMOS and of the PMOS device by the usual two-letter names: slow -1, typical 0, fast +1.

    ``None`` for a name that follows no such convention (a model then has to tell processes apart without an order between them).

    >>> process_axes("sf"), process_axes("ffg"), process_axes("vendor7")
    ((-1.0, 1.0), (1.0, 1.0), None)
    """
    name = _WORDS.get(process.lower(), process.lower())
    if len(name) >= 2 and name[0] in "stf" and name[1] in "stf":
        return _LETTER[name[0]], _LETTER[name[1]]
    return None


def hull_distance(target: Corner, anchors: Sequence[Corner]) -> float:
    """How far a corner lies outside the anchors' box, in widths of that box; 0 inside.

    Voltage and temperature count by the anchors' spans (at least 5 % of the supply and 25 degrees); a process of which no anchor is
    counts 1. The box, not the convex hull: sparse corners leave most of a hull empty.
    """
    if not anchors:
        return float("inf")
    known = np.array([(a.voltage, a.temperature) for a in anchors])
    point = np.array([target.voltage, target.temperature])
    low, high = known.min(axis=0), known.max(axis=0)
    span = np.maximum(high - low, [0.05 * target.voltage, 25.0])
    outside: NDArray[np.float64] = np.maximum(np.maximum(low - point, point - high), 0.0) / span
    strange = 0.0 if any(a.process == target.process for a in anchors) else 1.0
    return float(np.hypot(outside.max(), strange))
