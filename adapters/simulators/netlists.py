"""Where each cell's transistor netlist is: one file, or a folder of files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from eda_plugin.adapters.ngspice import read_ports
from eda_plugin.errors import ParseError, UserError

__all__ = ["Netlist", "find_netlists"]

ENDINGS = (".sp", ".spi", ".spice", ".cir", ".ckt", ".cdl", ".net", ".netlist", ".subckt")


@dataclass(frozen=True)
class Netlist:
    """``path``: what a deck includes; ``ports`` of the cell in order; ``source``: the file."""

    path: str
    ports: tuple[str, ...]
    source: Path

    def named(self, path: str) -> Netlist:
        """The same under another name."""
        return replace(self, path=path)


def find_netlists(place: str | Path, cells: Iterable[str]) -> Mapping[str, Netlist | str]:
    """For each cell its netlist, or the reason why there is none.

    ``place``: a file, or a folder whose files (``.sp``, ``.spice``, ``.cir``, ``.cdl``, ...) are all looked at. Raises ``UserError`` where
    there is no such place, no netlist in it, or none of the cells.
    """
    root = Path(place)
    if root.is_dir():
        files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix.lower() in ENDINGS]
        if not files:
            raise UserError(f"netlists {root}: the folder holds no netlist; expected files such as *{' *'.join(ENDINGS)}")
    elif root.exists():
        files = [root]
    else:
        raise UserError(f"netlists {root}: no such file or folder")
    where: dict[str, list[tuple[Path, tuple[str, ...]]]] = {}
    for path in files:
        try:
            ports = read_ports(path)
        except ParseError:
            if path == root:
                raise
            continue  # a folder may hold decks and parts without a cell
        for name, names in ports.items():
            where.setdefault(name, []).append((path, names))
    found: dict[str, Netlist | str] = {}
    for cell in cells:
        places = where.get(cell.lower(), [])
        if len(places) == 1:
            path, names = places[0]
            found[cell] = Netlist(str(path.resolve()), names, path.resolve())
        elif places:
            found[cell] = f"two netlists have a .subckt {cell}: {places[0][0]} and {places[1][0]}; take one of them away"
        else:
            found[cell] = f"no .subckt {cell} in {root}"
    if found and not any(isinstance(netlist, Netlist) for netlist in found.values()):
        raise UserError(f"netlists {root}: {next(iter(found.values()))}, nor of any other of the {len(found)} cells asked for")
    return found
