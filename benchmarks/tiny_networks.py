"""The four networks of MLPerf Tiny by the names of its tasks' networks; random weights, the published shapes."""

from collections.abc import Callable

from penjing.model.model import Model
from tests.support import tiny_networks

NETWORKS: dict[str, Callable[[], Model]] = {
    "resnet8": tiny_networks.resnet8,
    "dscnn": tiny_networks.dscnn,
    "mobilenet": tiny_networks.mobilenet,
    "autoencoder": tiny_networks.autoencoder,
}
"""Image classification, keyword spotting, visual wake words, anomaly detection."""
