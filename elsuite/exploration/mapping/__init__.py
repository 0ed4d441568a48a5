"""A whole landscape: its minima, its transition states, and what joins what.

`map_landscape` by a `MappingPlan`; `basin_hopping` on its own.
"""

from elsuite.exploration.mapping.basin_hopping import HoppingResult, basin_hopping
from elsuite.exploration.mapping.plan import MappingPlan
from elsuite.exploration.mapping.run import map_landscape

__all__ = ["HoppingResult", "MappingPlan", "basin_hopping", "map_landscape"]
