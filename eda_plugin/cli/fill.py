"""``eda-plugin fill``: the main job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from eda_plugin.cli.options import PATH, SHARE, Inputs, as_json, fits, needs_target, reads
from eda_plugin.cli.recorded import note, recorded

if TYPE_CHECKING:
    from eda_plugin.flow import FillResult

__all__ = ["fill"]


@click.command()
@recorded("output", "intervals", "values", "report", "save_model", "refused")
@reads("ANCHORS")
@needs_target
@click.option(
    "--target",
    required=True,
    metavar="P,V,T",
    help="Corner: process, volts, degrees Celsius, such as ss,1.60,100; or 'missing' for all gaps.",
)
@click.option("--measured", type=PATH, metavar="FILE", help="Simulations of the target: the plan with delay and transition.")
@click.option("-o", "--output", type=PATH, required=True, metavar="OUT.lib", help="Library to write; a folder for --target missing.")
@click.option("--values", type=PATH, metavar="FILE", help="Each value, its interval and origin.  [default: OUT.origin.parquet and .csv.gz]")
@click.option("--save-model", type=PATH, metavar="FOLDER", help="Write the fitted model there (safetensors).")
@click.option("--quantile", type=SHARE, metavar="SHARE", help="With --side: how sure a guard-banded value is.  [default: 0.95]")
@click.option("--side", type=click.Choice(("late", "early")), help="Guard band: late is slow, for setup; early is fast, for hold.")
@click.option("--max-interval", type=SHARE, metavar="SHARE", help="Refuse delays and transitions whose interval is wider (5%).")
@click.option("--refused", type=PATH, metavar="PLAN", help="Simulations that give what was refused: .csv or .parquet.")
@click.option("--allow-refused", is_flag=True, help="Write the library all the same, with the model's values there.")
@click.option("--sigma", is_flag=True, help="Write the intervals into the library, too, as LVF sigma tables (ocv_sigma_cell_rise ...).")
@click.option("--device", default="cpu", show_default=True, help="Where networks are trained: cpu, cuda.")
@fits
@as_json
def fill(
    inputs: Inputs,
    template: Path | None,
    seed: int,
    extrapolate: bool,
    target: str,
    measured: Path | None,
    output: Path,
    intervals: Path | None,
    values: Path | None,
    report: Path | None,
    save_model: Path | None,
    model: str,
    interval: float,
    quantile: float | None,
    side: str | None,
    max_interval: float | None,
    refused: Path | None,
    allow_refused: bool,
    sigma: bool,
    no_diffusion: bool,
    device: str,
    threads: int,
    pretrained: Path | None,
    strict: bool,
    json_: bool,
) -> None:
    """Fill a corner from the anchors and the simulations measured there.

    Every value of the written library has an origin (measured, filled, predicted, copied, repaired, refused) and the model's values an
    interval; they stand in the tables beside it.
    """
    from eda_plugin import flow
    from eda_plugin.cli.show import print_json
    from eda_plugin.config import FillSettings, GuardBand

    if (quantile is not None and side is None) or (max_interval is None and (refused is not None or allow_refused)):
        raise click.UsageError("--quantile goes with --side; --refused and --allow-refused go with --max-interval")
    stated = click.get_current_context().get_parameter_source("interval") is not ParameterSource.DEFAULT
    if side is not None and stated:
        raise click.UsageError("--interval goes without --side: there, an end of the interval is the quantile")
    if side is not None and sigma:
        raise click.UsageError("--sigma goes without --side: a guard band has used the intervals up")
    guard = None if side is None else GuardBand(side, 0.95 if quantile is None else quantile)
    settings = FillSettings(
        seed=seed, interval=interval, diffusion=not no_diffusion, threads=threads, device=device, model=model, pretrained=pretrained
    )
    gaps = target == "missing"
    if gaps and (measured or template or intervals or values or report or save_model or refused):
        raise click.UsageError(
            "--target missing goes without --measured, --template, --intervals, --values, --report, --save-model, --refused"
        )
    if gaps and not output.is_dir():
        raise click.UsageError(f"--target missing writes one library a corner: expected an existing folder, found {output}")
    libraries = inputs.read()
    wanted = [corner.name for corner in flow.choose_corners(libraries, session=inputs.session)] if gaps else [target]
    summaries = []
    for corner in wanted:
        result = flow.fill(
            libraries,
            corner,
            template=template,
            measured=measured,
            settings=settings,
            guard=guard,
            max_interval=max_interval,
            strict=strict,
            extrapolate=extrapolate,
            session=inputs.session,
        )
        out = output / f"{result.library.name}.lib" if gaps else output
        beside = [out.with_name(out.name + end) for end in (".origin.parquet", ".origin.csv.gz")] if values is None else [values]
        sources = [*(Path(library.source) for library in libraries), *([measured] if measured else [])]
        files = result.write(
            out,
            intervals=intervals,
            values=beside,
            report=report,
            refused=refused,
            allow_refused=allow_refused,
            sigma=sigma,
            inputs=sources,
        )
        if save_model is not None:
            result.save(save_model)
            files.append(save_model)
        note({result.library.name: result.report} if gaps else result.report, files)
        summaries.append({**result.report, "files": [str(file) for file in files]})
        if not inputs.quiet and not json_:
            _summary(result, files)
    if json_:
        print_json(summaries if gaps else summaries[0])


def _summary(result: FillResult, files: list[Path]) -> None:
    from eda_plugin.cli.show import duration, facts

    report = result.report
    share = f" ({report['measured'] / report['simulations']:.2%})" if report["simulations"] else ""  # type: ignore[operator]
    rows: list[tuple[str, object]] = [
        ("anchors", f"{len(result.anchors)}: {', '.join(anchor.corner.name for anchor in result.anchors)}"),
        ("template", report["template"]),
        ("simulations", f"{report['measured']} of {report['simulations']}{share}"),
        *((name, _models(entry)) for name, entry in report.items() if name == "model" or (isinstance(entry, Mapping) and "model" in entry)),
        ("values", _short(report["origins"])),
        ("interval", f"{float(report['interval']):.0%}"),  # type: ignore[arg-type]
        ("findings", _short(report["findings"]) or "none"),
        ("took", duration(float(report["seconds"]))),  # type: ignore[arg-type]
        *(("written", file) for file in files),
    ]
    facts(f"{result.library.name}: {report['target']}", rows)


def _models(entry: object) -> str:
    """The model of a group of quantities, or the one that counts most, and its error on anchors held out."""
    if not isinstance(entry, Mapping):
        return str(entry)
    model = str(entry["model"])
    scores, shares = entry.get("held_out_error_pct", entry.get("left_out_error_pct")), entry.get("share_pct")
    score = scores.get(model) if isinstance(scores, Mapping) else scores
    part = f", {shares[model]:.0f} % of the mean" if isinstance(shares, Mapping) and shares[model] < 99.5 else ""
    return f"{model}{part}; {score:.3g} % off on held-out values" if isinstance(score, float) else model + part


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(item)}" for name, item in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
