import minichar

from eda_plugin.hooks import hookimpl
from eda_plugin.hooks.registries import Host

EDA_PLUGIN_HOOKS = "1.1"


@hookimpl
def register_hosts(registry):
    registry.add(Host("minichar", "alpha-power inverters and gates", minichar.answer_plan))
