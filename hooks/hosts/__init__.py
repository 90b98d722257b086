"""The flows that people run: one module a host, imported by that host alone.

A host's process needs neither numpy nor torch: these modules call the command line in a process of its own
(``eda_plugin.hooks.hosts.command``), which EDA_PLUGIN_COMMAND may place in another environment. docs/hosts/ has a page for each.
"""
