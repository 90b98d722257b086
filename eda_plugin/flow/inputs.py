"""What goes in: files and folders to libraries, the template, the measured points; and whether they fit together."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eda_plugin.adapters.base import Format, ReadOptions
from eda_plugin.config import Progress
from eda_plugin.domain import Corner, Library, Origin, Points, answer_quantities
from eda_plugin.domain.quantity import CONSTRAINT, DELAY, LIMIT
from eda_plugin.errors import ParseError, UserError
from eda_plugin.farm import Farm
from eda_plugin.hooks.manager import Plugins

__all__ = [
    "check_anchors",
    "check_measured",
    "expand",
    "load_first",
    "make_template",
    "name_at",
    "nearest",
    "read_corner_table",
    "read_libraries",
    "read_points",
    "read_template",
    "simulations",
]

_COLUMNS = ("file", "process", "voltage", "temperature")


def expand(paths: Sequence[str | Path], plugins: Plugins) -> list[Path]:
    """Files as they are; of a folder, every file below it that a format claims by name. Hidden files are left aside.

    Raises ``UserError`` for a path that does not exist and for a folder without such a file.
    """
    files: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            below = (file for file in sorted(path.rglob("*")) if file.is_file())
            shown = (file for file in below if not any(part.startswith(".") for part in file.relative_to(path).parts))
            found = [file for file in shown if plugins.formats.reads(file)]
            if not found:
                known = " ".join(pattern for format in plugins.formats if format.read for pattern in format.patterns)
                raise UserError(f"{path}: the folder holds no file that could be read; expected {known}")
            files.update(dict.fromkeys(found))
        elif path.exists():
            files[path] = None
        else:
            raise UserError(f"{path}: no such file or folder")
    if not files:
        raise UserError("no input; name at least one library file or folder")
    return list(files)


def read_corner_table(path: Path) -> dict[str, Corner]:
    """Corners by file from a CSV with the columns file, process, voltage (V), temperature (degrees Celsius)."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise ParseError(f"the corner table has no column {missing[0]!r}; expected {','.join(_COLUMNS)}", path=path, line=1)
            corners: dict[str, Corner] = {}
            for row in rows:
                fields = [row[name] or "" for name in _COLUMNS]
                if fields[0] in corners:
                    raise ParseError("the file stands twice in the corner table", path=path, line=rows.line_num, token=fields[0])
                try:
                    corners[fields[0]] = Corner.parse(",".join(fields[1:]))
                except UserError as error:
                    raise ParseError(str(error), path=path, line=rows.line_num) from None
    except UnicodeDecodeError as error:
        raise ParseError("the corner table is no text", path=path) from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    if not corners:
        raise ParseError("the corner table has no row", path=path)
    return corners


def read_libraries(
    paths: Sequence[str | Path],
    *,
    plugins: Plugins,
    progress: Progress,
    corners: Path | None = None,
    mapping: Path | None = None,
    workers: int | None = None,
    cache: bool = True,
    farm: Farm | None = None,
) -> tuple[Library, ...]:
    """All libraries of files and folders, by corner, then by source: the order of ``paths`` does not matter."""
    files = expand(paths, plugins)
    table = {} if corners is None else _by_path(read_corner_table(corners), files, corners)
    options = ReadOptions(table, mapping, workers, cache, farm)
    groups: dict[str, list[Path]] = defaultdict(list)
    formats: dict[str, Format] = {}
    for file in files:
        format = plugins.formats.reader(file)
        formats[format.name] = format
        groups[format.name].append(file)
    libraries: list[Library] = []
    with progress.stage("reading", len(files)) as stage:
        for name, group in groups.items():
            libraries.extend(_read(formats[name], group, options))
            stage.advance(len(group))
    libraries.sort(key=lambda library: (library.corner, library.source))
    alike = _sharing_keys(libraries)
    for library in alike:
        plugins.library_loaded(library)
    return alike


def _sharing_keys(libraries: Sequence[Library]) -> tuple[Library, ...]:
    """The same libraries; those with the same tables share the names of them, which weigh more than their numbers."""
    first = libraries[0].keys if libraries else ()
    return tuple(replace(library, keys=first) if library.keys is not first and library.keys == first else library for library in libraries)


def _by_path(table: Mapping[str, Corner], files: Sequence[Path], source: Path) -> dict[Path, Corner]:
    corners = {}
    for file in files:
        names = [str(file), file.name, file.name.removesuffix(".gz"), file.name.removesuffix(".gz").removesuffix(".lib")]
        found = next((table[name] for name in names if name in table), None)
        if found is None:
            beside = {(source.parent / name).resolve(): corner for name, corner in table.items()}
            found = beside.get(file.resolve())
        if found is not None:
            corners[file] = found
    if not corners:
        raise UserError(f"{source}: none of its rows names one of the files that are read, such as {files[0].name}")
    return corners


def _read(format: Format, files: Sequence[Path], options: ReadOptions) -> Sequence[Library]:
    if format.read is None:
        raise UserError(f"{files[0]}: the format {format.name} is only written")
    try:
        return format.read(files, options)
    except OSError as error:
        raise UserError(f"cannot read {error.filename or files[0]}: {error.strerror or error}") from error


def nearest(target: Corner, libraries: Sequence[Library]) -> Library:
    """The library whose corner is nearest: of the target's process if there is one, then by voltage and temperature in their spans."""
    voltages = [library.corner.voltage for library in libraries] + [target.voltage]
    temperatures = [library.corner.temperature for library in libraries] + [target.temperature]
    volts = max(max(voltages) - min(voltages), 1e-9)
    degrees = max(max(temperatures) - min(temperatures), 1e-9)

    def distance(library: Library) -> tuple[bool, float, Corner]:
        corner = library.corner
        apart = np.hypot((corner.voltage - target.voltage) / volts, (corner.temperature - target.temperature) / degrees)
        return corner.process != target.process, float(apart), corner

    return min(libraries, key=distance)


def read_template(path: Path, target: Corner, *, plugins: Plugins, cache: bool = True) -> Library:
    """The template in ``path``. Its corner is the target's, whatever its text says."""
    if path.is_dir() or not path.exists():
        raise UserError(f"template {path}: expected a library file")
    libraries = _read(plugins.formats.reader(path), [path], ReadOptions(corners={path: target}, cache=cache))
    if len(libraries) != 1:
        raise UserError(f"template {path}: expected one library, found {len(libraries)}")
    return make_template(libraries[0], target)


def make_template(library: Library, target: Corner) -> Library:
    """Structure, axes and name for the target; no number but the limits, and those only where the text is the target corner's own.

    A template made from another corner's library holds numbers that are not true here, so none of them is taken over unseen.
    """
    stated = Corner.from_name(library.name)
    own = library.corner == target and stated in (None, target)
    keep = np.array([own and key.quantity in LIMIT for key in library.keys], dtype=bool)
    kept = np.repeat(keep, np.diff(library.start)) & np.isfinite(library.values)
    values = np.where(kept, library.values, np.nan)
    origin = np.where(kept, Origin.COPIED, Origin.MISSING).astype(np.uint8)
    return replace(library, name=name_at(library.name, target), corner=target, values=values, origin=origin, lower=None, upper=None)


def name_at(name: str, target: Corner) -> str:
    """The library's name with the target corner in it.

    >>> name_at("sky130_fd_sc_hd__tt_025C_1v80", Corner("ss", 1.6, 100)), name_at("cells", Corner("ss", 1.6, 100))
    ('sky130_fd_sc_hd__ss_100C_1v60', 'cells_ss_100C_1v60')
    """
    if Corner.from_name(name) == target:
        return name
    parts = name.split("_")
    spans = ((first, last) for last in range(len(parts) + 1) for first in range(last))
    for first, last in sorted(spans, key=lambda span: span[1] - span[0]):
        if Corner.from_name("_".join(parts[first:last])) is not None:
            return "_".join([*parts[:first], target.name, *parts[last:]])
    return f"{name}_{target.name}"


def check_anchors(anchors: Sequence[Library], template: Library, target: Corner) -> None:
    """Raises ``UserError`` where the anchors can't serve.

    That is: there is none, the target is among them, two are at one corner, thresholds differ, or a blank table of the template is in none.
    """
    if not anchors:
        raise UserError("no anchor; name at least one library at another corner")
    seen: dict[Corner, Library] = {}
    for anchor in anchors:
        if anchor.corner == target:
            raise UserError(f"{anchor.source or anchor.name}: this anchor is the target corner {target} itself; leave it out")
        if anchor.corner in seen:
            twice = f"{seen[anchor.corner].source or seen[anchor.corner].name} and {anchor.source or anchor.name}"
            raise UserError(f"two anchors are at the corner {anchor.corner}: {twice}; leave one out, or tell corners with --corners")
        seen[anchor.corner] = anchor
    wanted = set(template.keys)
    for anchor in anchors:
        for other in (anchors[0], template):
            _check_thresholds(anchor, other)
        if wanted.isdisjoint(anchor.keys):
            raise UserError(
                f"{anchor.source or anchor.name} shares no arc with the template {template.source or template.name}; "
                "expected libraries of the same cells"
            )
    wanted.difference_update(*(anchor.keys for anchor in anchors))
    blank = [key for row, key in enumerate(template.keys) if key in wanted and np.isnan(template.values[template.start[row]])]
    if blank:
        raise UserError(
            f"no anchor has {len(blank)} of the tables of the template {template.source or template.name}, the first: {blank[0]}; "
            "add an anchor that has them, or take them out of the template"
        )


def _check_thresholds(one: Library, two: Library) -> None:
    for name in sorted(set(one.header.thresholds) & set(two.header.thresholds)):
        here, there = one.header.thresholds[name], two.header.thresholds[name]
        if abs(here - there) > 1e-6:
            raise UserError(
                f"{name} is {here:g} in {one.source or one.name} and {there:g} in {two.source or two.name}: their delays and slews "
                "do not mean the same; convert one of them, or leave it out"
            )


def simulations(template: Library) -> int:
    """How many simulations characterize all of the template's delays: a delay and a transition each."""
    sizes = np.diff(template.start)
    delays = [key.quantity in DELAY and key.nth == 0 for key in template.keys]
    return int(sizes[np.array(delays, dtype=bool)].sum())


def read_points(measured: Points | str | Path, template: Library) -> Points:
    """Measured points, in the template's units where they come from a file."""
    if isinstance(measured, Points):
        return measured
    from eda_plugin.adapters import points

    path = Path(measured)
    if not path.is_file():
        raise UserError(f"measured points {path}: no such file")
    return points.read(path, header=template.header, load_first=load_first(template))


def load_first(template: Library) -> bool:
    """Whether the first axis of the template's delay tables is the load: what ``index_1`` of a plan then is."""
    tables = (template.axis[row] for row, key in enumerate(template.keys) if key.quantity in DELAY)
    first = next((axes[0] for axes in tables if axes[0] >= 0), None)
    return first is not None and template.axes[first].is_load


def check_measured(measured: Points, template: Library) -> None:
    """Raises ``UserError`` for the first row whose arc the template doesn't have."""
    known = {(key.arc, key.quantity) for key in template.keys if key.nth == 0 and key.quantity in (*DELAY, *CONSTRAINT)}
    cells = {key.cell for key in template.keys}
    for row, (arc, edge) in enumerate(zip(measured.arcs, measured.edges, strict=True)):
        if (arc, answer_quantities(arc, edge)[0]) not in known:
            place = f"{measured.source or 'measured points'}, row {row + 1}"
            kind = "constraint" if arc.is_constraint else "delay"
            what = f"the template has no {edge} {kind} of {arc}" if arc.cell in cells else f"the template has no cell {arc.cell!r}"
            raise UserError(f"{place}: {what}; expected an arc of {template.source or template.name}")
