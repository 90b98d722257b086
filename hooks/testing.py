"""Conformance kit: a plugin's author tests against the specifications with ``faults`` or, model by model, with ``check_model``.

>>> from types import SimpleNamespace
>>> from eda_plugin.hooks import hookimpl
>>> faults(SimpleNamespace(library_loaded=hookimpl(lambda library: None)))
[]
>>> faults(SimpleNamespace(choose_corners=hookimpl(lambda anchors: ["ss"])))
["choose_corners answered 'ss'; expected a sequence of Corner, or None"]

Nothing here knows how a plugin works. Faults are sentences; ``check_model`` raises ``ConformanceError``, which test runners show as a
failed assertion.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from eda_plugin.adapters.base import Format, ReadOptions
from eda_plugin.domain import Corner, Library, Origin
from eda_plugin.domain.quantity import DELAY
from eda_plugin.errors import EdaPluginError, PluginError, UserError
from eda_plugin.hooks import contract
from eda_plugin.hooks.manager import Plugins
from eda_plugin.hooks.registries import Choose, Host
from eda_plugin.hooks.samples import Case, ConformanceError, check_model, copy_of, same_library, sample_case, sample_libraries
from eda_plugin.qa.findings import Finding
from eda_plugin.qa.subject import Subject

__all__ = ["Case", "ConformanceError", "check_model", "faults", "same_library", "sample_case", "sample_libraries"]


@dataclass(frozen=True)
class _Trial:
    plugins: Plugins
    hooks: Sequence[str]
    case: Case
    files: Sequence[Path]
    folder: Path


def faults(plugin: object, *, files: Sequence[Path] = (), case: Case | None = None) -> list[str]:
    """What ``plugin`` (the module or object that the entry point names) does against the specifications; empty where nothing.

    ``files`` are read with the plugin's formats, ``case`` (``sample_case`` unless given) is asked of its models, samplers, checks, hosts,
    decisions and events. Each hook is called as a run calls it, registration included.
    """
    told: list[str] = []
    plugins = Plugins(told.append)
    try:
        plugins.register(plugin, "plugin")
    except PluginError as error:
        return [str(error)]
    info = next(info for info in plugins.infos if info.name == "plugin")
    needed = contract.needed_version(plugin)
    found = [
        f"it implements {hook}, which version {contract.version_text(since)} of the hooks brought; state {contract.ATTRIBUTE}"
        for hook, since in contract.SINCE.items()
        if hook in info.hooks and since > needed
    ]
    with tempfile.TemporaryDirectory() as folder:
        trial = _Trial(plugins, info.hooks, case or sample_case(), tuple(files), Path(folder))
        for step in _STEPS:
            found += step(trial)
    return found + told


def _formats(trial: _Trial) -> Iterator[str]:
    if "register_formats" not in trial.hooks:
        return
    added = list(trial.plugins.formats)[len(Plugins().formats) :]
    for format in added:
        if format.read is None and format.write is None:
            yield f"the format {format.name} neither reads nor writes"
        if any(pattern != pattern.lower() for pattern in format.patterns):
            yield f"the format {format.name} has a pattern with capitals; patterns are in lower case"
        if format.read is not None:
            empty, absent = trial.folder / "empty", trial.folder / "absent"
            empty.write_bytes(b"")
            for what, path in (("an empty file", empty), ("an absent file", absent)):
                yield from _refuses(f"the format {format.name}", what, partial(format.read, [path], ReadOptions()))
    for file in trial.files:
        claimed = [format for format in added if format.claims(file)]
        if not claimed:
            yield f"no format of the plugin claims {file.name}"
        for format in claimed:
            yield from _reading(format, file)


def _reading(format: Format, file: Path) -> Iterator[str]:
    if format.read is None:
        return
    libraries, again = (list(format.read([file], ReadOptions())) for _ in range(2))
    if len(libraries) != len(again) or not all(same_library(one, two) for one, two in zip(libraries, again, strict=True)):
        yield f"the format {format.name} reads {file.name} differently the second time"
    for library in libraries:
        if Path(library.source) != file:
            yield f"the format {format.name}: the library's source is {library.source!r}; expected the file that was read, {file.name}"
        if not np.array_equal(np.isnan(library.values), library.origin == Origin.MISSING):
            yield f"the format {format.name}: missing values are NaN with the origin MISSING, no others; that is not so in {file.name}"


def _refuses(who: str, what: str, call: Callable[[], object]) -> Iterator[str]:
    """A mistake of the user's is told as one."""
    try:
        call()
    except (UserError, OSError):
        return
    except Exception as error:  # noqa: BLE001 - whatever a stranger's code raises is what this reports
        yield f"{who} answers {what} with {type(error).__name__}: {error}; expected a UserError that says what is wrong"
    else:
        yield f"{who} reads {what} without an error"


def _models(trial: _Trial) -> Iterator[str]:
    if "register_models" not in trial.hooks:
        return
    for model in list(trial.plugins.models)[len(Plugins().models) :]:
        try:
            check_model(model.fill, trial.case)
        except (ConformanceError, EdaPluginError) as error:
            yield f"the model {model.name}: {error}"


def _hosts(trial: _Trial) -> Iterator[str]:
    if "register_hosts" in trial.hooks:
        for host in trial.plugins.hosts:
            yield from _host(host, trial.case, trial.folder)


def _host(host: Host, case: Case, folder: Path) -> Iterator[str]:
    from eda_plugin.adapters import points

    if case.measured is None:
        return
    plan, measured = folder / "plan.csv", folder / "measured.csv"
    points.write(case.measured, plan, header=case.template.header, answered=False)
    corner = case.target
    try:
        host.simulate(plan, measured, f"{corner.process},{corner.voltage:g},{corner.temperature:g}")
        answers = points.read(measured, header=case.template.header)
    except (EdaPluginError, OSError) as error:
        yield f"the host {host.name}: {error}"
        return
    asked = (case.measured.arcs, case.measured.edges, case.measured.index.tolist())
    if (answers.arcs, answers.edges, answers.index.tolist()) != asked:
        yield f"the host {host.name} answered other rows than the plan's, or in another order"


def _checks(trial: _Trial) -> Iterator[str]:
    if "register_checks" not in trial.hooks:
        return
    for rule in list(trial.plugins.checks)[len(Plugins().checks) :]:
        if not rule.reason:
            yield f"the rule {rule.name} gives no reason"
        strange = [found for found in rule.check(Subject(tuple(trial.case.anchors))) if not isinstance(found, Finding)]
        if strange:
            yield f"the rule {rule.name} found {strange[0]!r}; expected Finding objects"


def _decisions(trial: _Trial) -> Iterator[str]:
    anchors = tuple(trial.case.anchors)
    if "choose_corners" in trial.hooks:
        strange = [corner for corner in trial.plugins.choose_corners(anchors) if not isinstance(corner, Corner)]
        if strange:
            yield f"choose_corners answered {strange[0]!r}; expected a sequence of Corner, or None"
    if "choose_simulations" in trial.hooks:
        yield from _choice("choose_simulations", trial.plugins.choose_simulations, trial.case)


def _samplers(trial: _Trial) -> Iterator[str]:
    if "register_samplers" in trial.hooks:
        for sampler in list(trial.plugins.samplers)[len(Plugins().samplers) :]:
            try:
                yield from _choice(f"the sampler {sampler.name}", sampler.choose, trial.case)
            except EdaPluginError as error:
                yield f"the sampler {sampler.name}: {error}"


def _choice(who: str, choose: Choose, case: Case) -> Iterator[str]:
    anchors = tuple(case.anchors)
    one, two = (choose(order, case.template, case.target, 2, 1, None, None) for order in (anchors, anchors[::-1]))
    if len(one) > 2:
        yield f"{who} answered {len(one)} points where 2 were asked for"
    if (one.arcs, one.edges, one.index.tolist()) != (two.arcs, two.edges, two.index.tolist()):
        yield f"{who} depends on the order of the anchors, or on chance beyond the seed"
    known = {key.arc for key in case.template.keys if key.quantity in DELAY}
    if set(one.arcs) - known:
        yield f"{who} answered the arc {next(iter(set(one.arcs) - known))}, which the template does not have"


def _events(trial: _Trial) -> Iterator[str]:
    """One after the other, as in a run; what an event raises on purpose is its answer, all else is told by the manager."""
    library, path = trial.case.anchors[0], trial.folder / "out.lib"
    before = copy_of(library)
    events: tuple[Callable[[], None], ...] = (
        lambda: trial.plugins.library_loaded(library),
        lambda: trial.plugins.before_fit(
            trial.case.anchors, trial.case.template, trial.case.target, trial.case.measured, trial.case.settings
        ),
        lambda: trial.plugins.fit_step("fitting", 1, 2, {"loss": 0.5}),
        lambda: trial.plugins.after_fill(library, {}, trial.case.anchors, _Unfitted(library)),
        lambda: trial.plugins.before_write(library, path),
        lambda: trial.plugins.after_write(library, path),
        lambda: trial.plugins.on_error(UserError("an error")),
    )
    for event in events:
        with _refusals_allowed():
            event()
    if not same_library(library, before):
        yield "an event changed the library that it was shown"


@dataclass(frozen=True)
class _Unfitted:
    """What no model gave back, for events that are shown a fitted one."""

    library: Library
    report: Mapping[str, object] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Writes one file, as a model may."""
        (folder / "model.json").write_text("{}", encoding="utf-8")


@contextmanager
def _refusals_allowed() -> Iterator[None]:
    try:
        yield
    except EdaPluginError:
        return


_STEPS = (_formats, _models, _samplers, _hosts, _checks, _decisions, _events)
