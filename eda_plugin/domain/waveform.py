"""The shape of the edge that drives an input while a cell is characterized."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eda_plugin.errors import UserError

__all__ = ["Waveform"]

_TAIL = 1e-3  # of the swing, left out of a rounded edge's end


@dataclass(frozen=True)
class Waveform:
    """An edge for a slew of one: at ``times`` (in slews, from its begin) it has gone ``levels`` (0 to 1) of the swing, straight in between.

    Raises ``UserError`` where it does not rise from 0 to 1, or goes back.
    """

    times: tuple[float, ...]
    levels: tuple[float, ...]

    def __post_init__(self) -> None:
        times, levels = np.array(self.times), np.array(self.levels)
        whole = len(times) == len(levels) >= 2 and (times[0], levels[0], levels[-1]) == (0, 0, 1)
        if not (whole and np.isfinite(times).all() and (np.diff(times) > 0).all() and (np.diff(levels) >= 0).all()):
            raise UserError(
                f"a waveform through the levels {self.levels} at the times {self.times}; expected times from 0, levels 0 to 1, none back"
            )

    @classmethod
    def ramp(cls, between: float = 1.0) -> Waveform:
        """A straight edge, of which ``between`` (part of the swing) lies between the thresholds of its slew."""
        return cls((0.0, 1.0 / between), (0.0, 1.0))

    @classmethod
    def rounded(cls, part: float, lower: float = 0.2, upper: float = 0.8) -> Waveform:
        """A ramp behind an RC whose time constant is ``part`` of the ramp, as the edges of cells are; its slew runs ``lower`` to ``upper``.

        Raises ``UserError`` where ``part`` is not within 0.01 to 10.
        """
        if not 0.01 <= part <= 10:
            raise UserError(f"a time constant of {part:g} ramps; expected 0.01 to 10")
        end = -np.expm1(-1 / part) * part  # what the RC lacks when the ramp is done
        fine = np.concatenate([np.linspace(0, 1, 4001), 1 + part * np.linspace(0, np.log(end / _TAIL), 4001)[1:]])
        level = np.where(fine <= 1, fine + part * np.expm1(-fine / part), 1 - end * np.exp(-(fine - 1) / part))
        first, last = np.interp((lower, upper), level, fine)
        levels = np.concatenate([np.linspace(0, 1, 41)[:-1], [0.99, 0.995, 1 - _TAIL]])
        times = np.interp(levels, level, fine) / (last - first)
        levels[-1] = 1.0
        return cls(tuple(times.tolist()), tuple(levels.tolist()))

    @property
    def length(self) -> float:
        """Of the whole edge, in slews."""
        return self.times[-1]

    @property
    def half(self) -> float:
        """When half of the swing is done, in slews."""
        return float(np.interp(0.5, self.levels, self.times))

    def like(self, other: Waveform, tolerance: float = 0.01) -> bool:
        """Whether two edges pass every level within ``tolerance`` slews of each other, counted from the middle."""
        levels = np.linspace(0.01, 0.99, 99)
        mine, theirs = (np.interp(levels, one.levels, one.times) - one.half for one in (self, other))
        return bool(np.abs(mine - theirs).max() <= tolerance)
