"""One picture compared by its pixels, without text, which matplotlib's versions set differently."""

from pathlib import Path

import matplotlib.testing.compare
import networkx as nx
import numpy as np
from matplotlib.figure import Figure

from elsuite.analysis import disconnectivity_tree, tree_layout
from elsuite.plotting import paper_style, plot_disconnectivity, save_figure, set_styles

IMAGES = Path(__file__).parents[1] / "images"


def test_branches_marks_and_route_look_as_they_did(tmp_path):
    rng = np.random.default_rng(3)
    network = nx.gnm_random_graph(30, 60, seed=3)
    nx.set_node_attributes(network, dict(enumerate(rng.lognormal(-3, 1, 30))), "energy")
    nx.set_edge_attributes(network, {edge: rng.lognormal(0, 1) for edge in network.edges}, "energy")
    tree = disconnectivity_tree(network)
    sets = [["sgd/train", "sgd/test", "lbfgs-gss/train"][number] for number in rng.integers(0, 3, 30)]
    with paper_style():
        figure = Figure(figsize=(3.4, 2.4))
        ax = plot_disconnectivity(
            tree, ax=figure.add_axes((0, 0, 1, 1)), layout=tree_layout(tree, scale="log"), color_by=sets,
            styles=set_styles(["sgd/train", "sgd/test", "lbfgs-gss/train"]), route=[4, 11], legend=False,
        )  # fmt: skip
    for text in ax.texts:
        text.set_visible(False)
    ax.set_axis_off()
    drawn = save_figure(figure, tmp_path / "branches.png")
    difference = matplotlib.testing.compare.compare_images(str(IMAGES / "branches.png"), str(drawn), tol=2)
    assert difference is None, difference
