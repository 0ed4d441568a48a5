"""The pictures by kind; each is imported on first use, so that its name is known without matplotlib."""

from typing import TYPE_CHECKING

from elsuite.core.plugins import PluginTable

if TYPE_CHECKING:
    from elsuite.plotting.picture import Picture

FIGURES: "PluginTable[Picture]" = PluginTable(
    "pictures",
    {
        "disconnectivity": "elsuite.plotting.disconnectivity:PICTURE",
        "superbasins": "elsuite.plotting.superbasins:PICTURE",
        "heights": "elsuite.plotting.heights:PICTURE",
        "kpca": "elsuite.plotting.embedding:KPCA",
        "pca": "elsuite.plotting.embedding:PCA",
        "mds": "elsuite.plotting.embedding:MDS",
        "distances": "elsuite.plotting.distances:PICTURE",
        "losses": "elsuite.plotting.losses:PICTURE",
        "profile": "elsuite.plotting.profile:PICTURE",
        "network": "elsuite.plotting.network:PICTURE",
        "clustering": "elsuite.plotting.clustering:PICTURE",
        "plane": "elsuite.plotting.plane:PICTURE",
        "around": "elsuite.plotting.around:PICTURE",
        "interpolation": "elsuite.plotting.interpolation:PICTURE",
        "spectrum": "elsuite.plotting.spectrum:PICTURE",
    },
    "picture",
    of="elsuite.plotting.picture:Picture",
)
"""The pictures: ``FIGURES[kind](database, options)`` returns a matplotlib Figure."""
