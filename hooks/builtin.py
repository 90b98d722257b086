"""The formats, models and decisions that come with the package: one plugin, through the hooks that any other uses.

Everything is imported where it is used: this module is loaded whenever the command line starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eda_plugin.hooks import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from eda_plugin.adapters.base import ReadOptions, WriteOptions
    from eda_plugin.adapters.registry import FormatRegistry
    from eda_plugin.config import FillSettings, Progress
    from eda_plugin.domain import Corner, Library, Points
    from eda_plugin.hooks.registries import FilledCorner, ModelRegistry, SamplerRegistry
    from eda_plugin.qa.findings import RuleRegistry

__all__ = ["choose_corners", "choose_simulations", "register_checks", "register_formats", "register_models", "register_samplers"]

_MODELS = {
    "auto": "whole method: ridge across the anchors, Gaussian process and networks, each table's own points, diffusion",
    "gp": "baseline: the same without networks and without diffusion",
    "gbr": "baseline: ridge across the anchors, boosted trees on its residual",
    "ridge": "baseline: ridge across the anchors",
    "interpolation": "baseline: linear over voltage and temperature",
    "nearest": "baseline: the nearest anchor's tables",
}


@hookimpl
def register_formats(registry: FormatRegistry) -> None:
    from eda_plugin.adapters.base import Format

    registry.add(
        Format(
            "liberty",
            "Liberty libraries with NLDM tables",
            ("*.lib", "*.lib.gz", "*.lib.xz", "*.liberty"),
            read=_read_liberty,
            write=_write_liberty,
            sniff=lambda head: b"library" in head and b"{" in head,
        )
    )
    measures = tuple(f"*.m{letter}[0-9]*" for letter in "tsa")
    registry.add(
        Format(
            "hspice",
            "HSPICE measure files, with a TOML mapping that says which measure is which arc's",
            measures,
            read=_read_measures,
            sniff=lambda head: head.startswith((b"$DATA1", b"$OPTION MEASFORM")),
        )
    )
    registry.add(
        Format(
            "results",
            "tables of simulation results that ingest wrote",
            ("*.runs.parquet", "*.runs.csv", "*.runs.csv.gz"),
            read=_read_results,
            sniff=lambda head: head.startswith((b"PAR1", b"cell,pin,related_pin,timing_type,timing_sense,when,edge,slew,load,")),
        )
    )


@hookimpl
def register_models(registry: ModelRegistry) -> None:
    from eda_plugin.hooks.registries import Model

    for name, summary in _MODELS.items():
        registry.add(Model(name, summary, _fill))


@hookimpl
def register_checks(registry: RuleRegistry) -> None:
    from eda_plugin.qa.checks import builtin_rules

    for rule in builtin_rules():
        registry.add(rule)


@hookimpl(trylast=True)
def choose_corners(anchors: Sequence[Library]) -> list[Corner]:
    """What is missing in each process's grid of the voltages and temperatures that its anchors have."""
    from eda_plugin.domain import Corner

    known = {anchor.corner for anchor in anchors}
    grid = {
        Corner(first.process, first.voltage, second.temperature) for first in known for second in known if first.process == second.process
    }
    return sorted(grid - known)


@hookimpl
def register_samplers(registry: SamplerRegistry) -> None:
    from eda_plugin.hooks.registries import Sampler

    registry.add(
        Sampler("variance", "where anchors in the target's place were least certain; later, where the fill is", choose_simulations)
    )
    registry.add(Sampler("even", "baseline: as many in each table, at random", _choose_evenly))


@hookimpl(trylast=True)
def choose_simulations(
    anchors: Sequence[Library], template: Library, target: Corner, count: int, seed: int, filled: Library | None, asked: Points | None
) -> Points:
    from eda_plugin.models.plan import plan_points
    from eda_plugin.models.refine import plan_more

    if filled is not None:
        return plan_more(filled, template, asked, count)
    return plan_points(anchors, template, target, count, seed)


def _choose_evenly(
    _anchors: Sequence[Library], template: Library, _target: Corner, count: int, seed: int, _filled: Library | None, asked: Points | None
) -> Points:
    from eda_plugin.models.plan import even_points

    return even_points(template, asked, count, seed)


def _read_liberty(paths: Sequence[Path], options: ReadOptions) -> Sequence[Library]:
    from eda_plugin.adapters import liberty

    return liberty.read_many(
        paths, corners=[options.corners.get(path) for path in paths], workers=options.workers, cache=options.cache, farm=options.farm
    )


def _write_liberty(library: Library, out: Path, options: WriteOptions) -> None:
    from eda_plugin.adapters import liberty

    liberty.write(library, out, template=options.template, note=options.note)


def _read_measures(paths: Sequence[Path], options: ReadOptions) -> list[Library]:
    from eda_plugin.adapters.hspice import mapping
    from eda_plugin.data.assemble import library_from_points
    from eda_plugin.errors import UserError

    if options.mapping is None:
        raise UserError(f"{paths[0]}: a measure file says nothing of arcs and corners; give --mapping MAP.toml (docs/cli.md shows one)")
    by_corner = mapping.read_points(paths, options.mapping)
    return [library_from_points(points, corner) for corner, points in sorted(by_corner.items(), key=lambda item: item[0])]


def _read_results(paths: Sequence[Path], options: ReadOptions) -> list[Library]:
    from eda_plugin.adapters import runs

    return runs.libraries(paths, options)


def _fill(
    anchors: Sequence[Library], template: Library, target: Corner, measured: Points | None, settings: FillSettings, progress: Progress
) -> FilledCorner:
    from eda_plugin.models.engine import fill_library

    return fill_library(anchors, template, target, measured, settings, progress)
