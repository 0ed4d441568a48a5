"""A whole landscape: its minima, its transition states, and what joins what.

`map_landscape` by a `MappingPlan`; `connect_pair` joins two given minima, by `STRATEGIES`; `basin_hopping` on its own.
"""

from elsuite.exploration.mapping.basin_hopping import HoppingResult, basin_hopping
from elsuite.exploration.mapping.double_ended import Connection, connect_pair
from elsuite.exploration.mapping.plan import MappingPlan
from elsuite.exploration.mapping.run import map_landscape
from elsuite.exploration.mapping.strategies import STRATEGIES

__all__ = ["STRATEGIES", "Connection", "HoppingResult", "MappingPlan", "basin_hopping", "connect_pair", "map_landscape"]
