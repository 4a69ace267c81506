"""The MLPerf Tiny networks that published figures exist for, with random weights (EXPORT §5 has their sizes)."""

from itertools import pairwise

from torch import nn

from penjing.model.model import Model
from penjing.model.modules import Add
from tests.support.networks import Node, network


def resnet8() -> Model:
    """Image classification: 32 × 32 × 3, 77,360 weights, 12.5 MMAC."""
    nodes: list[Node] = [*_conv("stem", nn.Conv2d(3, 16, 3, padding=1, bias=False))]
    before, channels = "stem_relu", 16
    for index, (out, stride) in enumerate(((16, 1), (32, 2), (64, 2))):
        name = f"block{index}"
        nodes += _conv(f"{name}a", nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False), before)
        nodes += _conv(f"{name}b", nn.Conv2d(out, out, 3, padding=1, bias=False))[:-1]
        around = before
        if stride != 1:
            around = f"{name}s"
            nodes.append((around, nn.Conv2d(channels, out, 1, stride=stride), before))
        nodes += [(f"{name}_add", Add(), f"{name}b_bn {around}"), (f"{name}_relu", nn.ReLU(), "")]
        before, channels = f"{name}_relu", out
    nodes += [("pool", nn.AvgPool2d(8), ""), ("flat", nn.Flatten(), ""), ("fc", nn.Linear(64, 10), "")]
    return network((3, 32, 32), nodes)


def dscnn() -> Model:
    """Keyword spotting: 49 × 10 × 1, 2.66 MMAC."""
    nodes: list[Node] = _conv("stem", nn.Conv2d(1, 64, (10, 4), stride=2, padding=(5, 1), bias=False))
    for index in range(4):
        nodes += _separable(f"s{index}", 64, 64, 1)
    nodes += [("pool", nn.AvgPool2d((25, 5)), ""), ("flat", nn.Flatten(), ""), ("fc", nn.Linear(64, 12), "")]
    return network((1, 49, 10), nodes)


def mobilenet() -> Model:
    """Visual wake words: 96 × 96 × 3, width 0.25, 7.49 MMAC."""
    nodes: list[Node] = _conv("stem", nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False))
    widths = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *((128, 1),) * 5, (256, 2), (256, 1))
    channels = 8
    for index, (out, stride) in enumerate(widths):
        nodes += _separable(f"s{index}", channels, out, stride)
        channels = out
    nodes += [("pool", nn.AvgPool2d(3), ""), ("flat", nn.Flatten(), ""), ("fc", nn.Linear(256, 2), "")]
    return network((3, 96, 96), nodes)


def autoencoder() -> Model:
    """Anomaly detection: 640 values to 128 four times, to 8 and back; 264,192 weights and as many MACs."""
    widths = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
    nodes: list[Node] = []
    for index, (taken, made) in enumerate(pairwise(widths)):
        nodes.append((f"fc{index}", nn.Linear(taken, made), ""))
        if index < len(widths) - 2:
            nodes += [(f"fc{index}_bn", nn.BatchNorm1d(made), ""), (f"fc{index}_relu", nn.ReLU(), "")]
    return network((640,), nodes)


def _conv(name: str, conv: nn.Conv2d, feed: str = "") -> list[Node]:
    return [(name, conv, feed), (f"{name}_bn", nn.BatchNorm2d(conv.out_channels), ""), (f"{name}_relu", nn.ReLU(), "")]


def _separable(name: str, channels: int, out: int, stride: int) -> list[Node]:
    depthwise = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False)
    return [*_conv(f"{name}_dw", depthwise), *_conv(f"{name}_pw", nn.Conv2d(channels, out, 1, bias=False))]
