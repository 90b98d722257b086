#!/usr/bin/env python3
"""What the hook layer costs: a fill with and without it, in per cent of the fill's time.

usage: hook_overhead.py [LIBRARIES] [--target P,V,T] [--model MODEL] [--plugins N]

The layer is everything that ``Plugins`` does in a run: loading the installed plugins, the registries, each event and decision, told to N
plugins of somebody else's that listen to all events. Its time is the sum over the calls, taken inside a real fill, so that what else the
machine does hardly counts. Exit status 1 where it is above 1 %.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import eda_plugin as ep
from eda_plugin.hooks import hookimpl
from eda_plugin.hooks.manager import Plugins

LIMIT = 0.01


class Timed(Plugins):
    """Counts calls and seconds of the outermost entry into the layer; what a called model or format does is not the layer's."""

    seconds = 0.0
    calls = 0
    inside = False

    @classmethod
    def timed(cls, call: Callable[[], Any]) -> Any:
        if cls.inside:
            return call()
        cls.inside, begin = True, time.perf_counter()
        try:
            return call()
        finally:
            cls.seconds += time.perf_counter() - begin
            cls.calls += 1
            cls.inside = False

    def _tell(self, hook: str, **arguments: object) -> None:
        self.timed(lambda: super(Timed, self)._tell(hook, **arguments))

    def _first(self, hook: str, **arguments: object) -> Any:
        return self.timed(lambda: super(Timed, self)._first(hook, **arguments))

    def _registered(self, hook: str, registry: Any, clone: Any) -> Any:
        return self.timed(lambda: super(Timed, self)._registered(hook, registry, clone))


def listener(heard: list[object]) -> SimpleNamespace:
    """A plugin that hears every event and keeps what it is told."""
    return SimpleNamespace(
        library_loaded=hookimpl(lambda library: heard.append(library)),
        before_fit=hookimpl(
            lambda anchors, template, target, measured, settings: heard.append((anchors, template, target, measured, settings))
        ),
        after_fill=hookimpl(lambda library, report: heard.append((library, report))),
        before_write=hookimpl(lambda library, path: heard.append((library, path))),
        after_write=hookimpl(lambda library, path: heard.append((library, path))),
        on_error=hookimpl(lambda error: heard.append(error)),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what the hook layer costs.")
    parser.add_argument("libraries", type=Path, nargs="?", default=Path(__file__).parent.parent / "examples" / "hkmg22" / "lib")
    parser.add_argument("--target", default="tt,0.80,25")
    parser.add_argument("--model", default="ridge", help="the faster the model, the harder the test")
    parser.add_argument("--plugins", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("out") / "hook_overhead.lib")
    options = parser.parse_args()
    begin = time.perf_counter()
    plugins = Timed.timed(Timed.load)
    heard: list[object] = []
    for number in range(options.plugins):
        Timed.timed(lambda name=f"listener{number}": plugins.register(listener(heard), name))
    session = ep.Session(plugins)
    target = ep.Corner.parse(options.target)
    anchors = [library for library in ep.read(options.libraries, session=session) if library.corner != target]
    result = ep.fill(anchors, target, settings=ep.FillSettings(model=options.model), session=session)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    result.write(options.out)
    whole = time.perf_counter() - begin
    share = Timed.seconds / whole
    print(f"{Timed.calls} calls, {options.plugins} plugins that heard {len(heard)} events")
    print(f"{Timed.seconds * 1e3:.2f} ms of {whole:.2f} s, {share:.3%}")
    return int(share > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
