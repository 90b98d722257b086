"""Where work is done: here, in processes of this machine, or on a cluster through Dask. One protocol, which every command that computes
uses; a result never depends on which of them it is, nor on how many workers it has."""

from eda_plugin.farm.base import LOSSES, Farm, Here, Lost, all_of, at_work, each, farm_at_work, in_order
from eda_plugin.farm.choice import BATCH, CLUSTERS, check_cluster, open_farm
from eda_plugin.farm.local import Processes, cores

__all__ = [
    "BATCH",
    "CLUSTERS",
    "LOSSES",
    "Farm",
    "Here",
    "Lost",
    "Processes",
    "all_of",
    "at_work",
    "check_cluster",
    "cores",
    "each",
    "farm_at_work",
    "in_order",
    "open_farm",
]
