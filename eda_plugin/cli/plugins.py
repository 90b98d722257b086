"""``eda-plugin plugins``: what is loaded, and what it brought."""

from __future__ import annotations

import click

from eda_plugin.cli.options import as_json, session_of

__all__ = ["plugins"]


@click.command()
@click.option("--quiet", is_flag=True, help="Print nothing but warnings: which plugins are broken.")
@as_json
def plugins(quiet: bool, json_: bool) -> None:
    """List plugins (built-in, loaded, disabled, broken), formats, models, samplers, hosts and checks."""
    from dataclasses import asdict

    from eda_plugin.cli.show import print_json, table

    loaded = session_of(quiet=True).plugins
    formats, models, checks = list(loaded.formats), list(loaded.models), list(loaded.checks)
    samplers, hosts = list(loaded.samplers), list(loaded.hosts)  # before the list: one may break here
    if json_:
        print_json(
            {
                "plugins": [asdict(info) for info in loaded.infos],
                "formats": [{"name": format.name, "patterns": format.patterns, "summary": format.summary} for format in formats],
                "models": {model.name: model.summary for model in models},
                "samplers": {sampler.name: sampler.summary for sampler in samplers},
                "hosts": {host.name: host.summary for host in hosts},
                "checks": {rule.name: rule.reason for rule in checks},
            }
        )
        return
    if quiet:
        return
    rows = [
        (info.name, info.status, f"{info.distribution} {info.version}".strip(), info.problem or ", ".join(info.hooks))
        for info in loaded.infos
    ]
    table("plugins", ["name", "status", "distribution", "hooks"], rows)
    verbs = [" and ".join(word for word, there in (("read", format.read), ("written", format.write)) if there) for format in formats]
    rows = [(format.name, verb, " ".join(format.patterns), format.summary) for format, verb in zip(formats, verbs, strict=True)]
    table("formats", ["name", "is", "files", "summary"], rows)
    table("models", ["name", "summary"], [(model.name, model.summary) for model in models])
    table("samplers", ["name", "summary"], [(sampler.name, sampler.summary) for sampler in samplers])
    if hosts:
        table("hosts", ["name", "summary"], [(host.name, host.summary) for host in hosts])
    table("checks", ["name", "reason"], [(rule.name, rule.reason) for rule in checks])
