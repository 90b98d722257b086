"""Which cells are alike but for their size."""

from __future__ import annotations

from collections.abc import Sequence

from eda_plugin.domain.library import Library

__all__ = ["families"]


def families(libraries: Sequence[Library]) -> dict[str, int]:
    """A number for each cell; cells of equal pins, functions and storage, whatever their names and sizes, have the same."""
    found: dict[str, str] = {}
    for library in libraries:
        for cell in library.cells:
            pins = sorted((pin.name, pin.direction, pin.function, pin.clock) for pin in cell.pins)
            found.setdefault(cell.name, repr((pins, cell.sequential, cell.flipflop)))
        for key in library.keys:
            found.setdefault(key.cell, f"cell {key.cell}")
    numbers = {text: number for number, text in enumerate(sorted(set(found.values())))}
    return {cell: numbers[text] for cell, text in found.items()}
