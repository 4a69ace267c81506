"""Networks that see pictures, small ones of every kind that people bring."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.zoo_net import Forward, Net


def conv(given: int, made: int, kernel: int = 3, stride: int = 1, groups: int = 1, act: type = nn.ReLU) -> nn.Module:
    """Convolution, batch norm, activation."""
    layer = nn.Conv2d(given, made, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(made), act())


def head(given: int) -> nn.Module:
    """The mean over the positions, and five classes."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(given, 5))


def lenet() -> nn.Module:
    """[1, 14, 14] → [5]."""
    first = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2)]
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(16, 12), nn.Tanh(), nn.Linear(12, 5))


def vgg() -> nn.Module:
    """Plain blocks with pooling between, fully connected layers behind."""
    blocks = [conv(3, 8), conv(8, 8), nn.MaxPool2d(2), conv(8, 16), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*blocks, nn.Linear(256, 24), nn.ReLU(), nn.Dropout(), nn.Linear(24, 5))


def resnet() -> nn.Module:
    """A block with a plain shortcut, and one with a convolution in it."""

    def block(given: int, made: int, stride: int) -> nn.Module:
        second = nn.Sequential(nn.Conv2d(made, made, 3, padding=1, bias=False), nn.BatchNorm2d(made))
        short = nn.Identity() if stride == 1 else nn.Conv2d(given, made, 1, stride)
        run: Forward = lambda net, x: F.relu(net.b(net.a(x)) + net.s(x))  # noqa: E731 (a value, as every forward here)
        return Net(run, a=conv(given, made, 3, stride), b=second, s=short)

    return nn.Sequential(conv(3, 8), block(8, 8, 1), block(8, 16, 2), head(16))


def mobilenet_v1() -> nn.Module:
    """Depthwise and pointwise convolutions in turn."""
    return nn.Sequential(conv(3, 8, 3, 2), conv(8, 8, 3, 1, 8), conv(8, 16, 1), conv(16, 16, 3, 2, 16), head(16))


def mobilenet_v2() -> nn.Module:
    """Inverted residuals: wide inside, narrow between, ReLU6."""

    def block(given: int, made: int, stride: int) -> nn.Module:
        wide = 4 * given
        inside = [conv(given, wide, 1, act=nn.ReLU6), conv(wide, wide, 3, stride, wide, act=nn.ReLU6)]
        body = nn.Sequential(*inside, nn.Conv2d(wide, made, 1, bias=False), nn.BatchNorm2d(made))
        return Net(lambda net, x: x + net.b(x), b=body) if stride == 1 else body

    return nn.Sequential(conv(3, 8, 3, 2, act=nn.ReLU6), block(8, 8, 1), block(8, 12, 2), head(12))


def ds_cnn() -> nn.Module:
    """Keyword spotting on [1, 49, 10] of log-mel values."""
    first = [nn.Conv2d(1, 8, (10, 4), (2, 2), (5, 1), bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    rest = [conv(8, 8, 3, 1, 8), conv(8, 8, 1), nn.AvgPool2d((13, 5)), nn.Flatten(), nn.Linear(8, 5)]
    return nn.Sequential(*first, *rest)


def squeezenet() -> nn.Module:
    """Fire modules: one narrow layer, two wide ones side by side."""

    def fire(given: int) -> nn.Module:
        def run(net: nn.Module, x: Tensor) -> Tensor:
            x = F.relu(net.s(x))
            return torch.cat([F.relu(net.a(x)), F.relu(net.b(x))], 1)

        return Net(run, s=nn.Conv2d(given, 4, 1), a=nn.Conv2d(4, 8, 1), b=nn.Conv2d(4, 8, 3, padding=1))

    first = [nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), fire(8), fire(16), nn.Dropout()]
    return nn.Sequential(*first, nn.Conv2d(16, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def inception() -> nn.Module:
    """Four ways of looking at the same, joined."""

    def block(given: int) -> nn.Module:
        parts = {
            "a": conv(given, 4, 1),
            "b": nn.Sequential(conv(given, 4, 1), conv(4, 6)),
            "c": nn.Sequential(conv(given, 2, 1), conv(2, 4, 5)),
            "d": nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(given, 4, 1)),
        }
        return Net(lambda net, x: torch.cat([net.a(x), net.b(x), net.c(x), net.d(x)], 1), **parts)

    return nn.Sequential(conv(3, 8), block(8), nn.MaxPool2d(2), block(18), head(18))


def densenet() -> nn.Module:
    """Every layer sees what all before it made."""

    def grow(given: int) -> nn.Module:
        body = nn.Sequential(nn.BatchNorm2d(given), nn.ReLU(), nn.Conv2d(given, 4, 3, padding=1, bias=False))
        return Net(lambda net, x: torch.cat([x, net.b(x)], 1), b=body)

    between = [nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 1), nn.AvgPool2d(2)]
    end = [nn.BatchNorm2d(12), nn.ReLU(), head(12)]
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), grow(8), grow(12), *between, grow(8), *end)


def unet(up: nn.Module) -> nn.Module:
    """One level down and up again, joined with what it skips."""

    def run(net: nn.Module, x: Tensor) -> Tensor:
        first = net.a(x)
        return net.d(torch.cat([first, net.u(net.b(F.max_pool2d(first, 2)))], 1))

    return Net(run, a=conv(3, 8), b=conv(8, 16), u=up, d=nn.Conv2d(24, 2, 1))


def autoencoder() -> nn.Module:
    """Convolutions down, transposed ones up."""
    down = [nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 4, 3, 2, 1), nn.ReLU()]
    up = [nn.ConvTranspose2d(4, 8, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 3, 2, 1, 1), nn.Sigmoid()]
    return nn.Sequential(*down, *up)


def gated() -> nn.Module:
    """Squeeze and excitation: every channel times a gate made of all means."""

    def run(net: nn.Module, x: Tensor) -> Tensor:
        return x * torch.sigmoid(net.b(F.relu(net.a(F.adaptive_avg_pool2d(x, 1)))))

    block = Net(run, a=nn.Conv2d(8, 4, 1), b=nn.Conv2d(4, 8, 1))
    return nn.Sequential(conv(3, 8, act=nn.Hardswish), block, nn.Conv2d(8, 8, 1), nn.Hardsigmoid(), head(8))


def gated_by_linear() -> nn.Module:
    """Squeeze and excitation by fully connected layers; SiLU around it."""

    def run(net: nn.Module, x: Tensor) -> Tensor:
        gate = F.hardsigmoid(net.b(F.relu(net.a(x.mean((2, 3))))))
        return x * gate.view(-1, x.shape[1], 1, 1)

    return nn.Sequential(conv(3, 8, act=nn.SiLU), Net(run, a=nn.Linear(8, 4), b=nn.Linear(4, 8)), head(8))


def slopes() -> nn.Module:
    """PReLU with a slope a channel, and with one for all."""
    first = [nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8), nn.Conv2d(8, 8, 3, padding=1), nn.PReLU()]
    return nn.Sequential(*first, head(8))


def grouped() -> nn.Module:
    """Groups and dilation."""
    wide = nn.Conv2d(12, 12, 3, padding=2, dilation=2)
    return nn.Sequential(conv(3, 8), conv(8, 8, 3, 1, 2), conv(8, 12, 1, 1, 4), wide, nn.ELU(), head(12))


def transposed() -> nn.Module:
    """Transposed convolutions, one of them in groups."""
    first = [nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.ReLU()]
    return nn.Sequential(*first, nn.ConvTranspose2d(4, 4, 3, 1, 1, groups=2), nn.Conv2d(4, 1, 1))


def normed() -> nn.Module:
    """Group norm and instance norm."""
    first = [nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1)]
    return nn.Sequential(*first, nn.InstanceNorm2d(8, affine=True), nn.Mish(), head(8))


def two_inputs() -> nn.Module:
    """A picture and six facts."""
    parts = {"a": conv(1, 4), "b": nn.Linear(6, 8), "f": nn.Linear(264, 4)}
    return Net(lambda net, x, y: net.f(torch.cat([net.a(x).flatten(1), net.b(y)], 1)), **parts)


def two_outputs() -> nn.Module:
    """Two answers from one picture."""

    def run(net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        seen = F.relu(net.c(x)).mean((2, 3))
        return net.a(seen), net.b(seen)

    return Net(run, c=nn.Conv2d(3, 8, 3), a=nn.Linear(8, 5), b=nn.Linear(8, 2))


def shuffled() -> nn.Module:
    """Channels split, worked on by halves, joined and shuffled."""

    def run(net: nn.Module, x: Tensor) -> Tensor:
        left, right = net.a(x).chunk(2, 1)
        both = torch.cat([left, net.b(right)], 1)
        return net.h(both.view(-1, 2, 8, 16, 16).transpose(1, 2).reshape(-1, 16, 16, 16))

    return Net(run, a=conv(3, 16), b=conv(8, 8, 3, 1, 8), h=head(16))
