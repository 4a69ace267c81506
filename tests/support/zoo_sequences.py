"""Networks of signals, sequences, words and plain numbers, small ones of every kind that people bring."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.zoo_net import Net


def cnn_1d() -> nn.Module:
    """Four signals, three classes."""
    first = [nn.Conv1d(4, 8, 5, 2, 2), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(8, 8, 3, padding=1)]
    return nn.Sequential(*first, nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 3))


def tcn() -> nn.Module:
    """Dilated convolutions that only see what was."""

    def block(given: int, dilation: int) -> nn.Module:
        def run(net: nn.Module, x: Tensor) -> Tensor:
            return F.relu(net.a(F.pad(x, (2 * dilation, 0))) + net.b(x))

        return Net(run, a=nn.Conv1d(given, 8, 3, dilation=dilation), b=nn.Conv1d(given, 8, 1))

    return Net(lambda net, x: net.f(net.b(net.a(x))[:, :, -1]), a=block(4, 1), b=block(8, 2), f=nn.Linear(8, 3))


def tcn_cut() -> nn.Module:
    """Padded on both sides, and what looks ahead cut off; the shortcut is plain where it can be."""

    def block(given: int, dilation: int) -> nn.Module:
        ahead = 2 * dilation
        conv = nn.Conv1d(given, 8, 3, dilation=dilation, padding=ahead)
        short = nn.Identity() if given == 8 else nn.Conv1d(given, 8, 1)
        return Net(lambda net, x: F.relu(net.a(x)[:, :, :-ahead] + net.b(x)), a=conv, b=short)

    return Net(lambda net, x: net.f(net.b(net.a(x))[:, :, -1]), a=block(4, 1), b=block(8, 2), f=nn.Linear(8, 3))


def mlp() -> nn.Module:
    """Fully connected layers with a batch norm between."""
    first = [nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.1)]
    return nn.Sequential(*first, nn.Linear(16, 4), nn.Softmax(1))


def dense_autoencoder() -> nn.Module:
    """Fully connected layers down and up."""
    down = [nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 4), nn.ReLU()]
    return nn.Sequential(*down, nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 16))


def recurrent(kind: type[nn.RNNBase], **settings: object) -> nn.Module:
    """A recurrent layer, and a fully connected one on its last step."""
    layer = kind(6, 8, batch_first=True, **settings)  # type: ignore[arg-type]
    width = 16 if settings.get("bidirectional") else 8
    return Net(lambda net, x: net.f(net.r(x)[0][:, -1]), r=layer, f=nn.Linear(width, 4))


def last_state() -> nn.Module:
    """What the second of two LSTMs remembers at the end; time comes first inside."""
    layer = nn.LSTM(6, 8, num_layers=2)
    return Net(lambda net, x: net.f(net.r(x.transpose(0, 1))[1][0][-1]), r=layer, f=nn.Linear(8, 4))


def mean_of_both_ways() -> nn.Module:
    """A GRU forwards and backwards, and the mean over its steps."""
    layer = nn.GRU(6, 8, batch_first=True, bidirectional=True)
    return Net(lambda net, x: net.f(net.r(x)[0].mean(1)), r=layer, f=nn.Linear(16, 4))


def attention() -> nn.Module:
    """Attention written out, one layer for queries, keys and values, norms first."""

    def run(net: nn.Module, x: Tensor) -> Tensor:
        n, t, c = x.shape
        q, k, v = net.q(net.n(x)).reshape(n, t, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = (q @ k.transpose(-2, -1) * 8**-0.5).softmax(-1) @ v
        x = x + net.o(mixed.transpose(1, 2).reshape(n, t, c))
        x = x + net.w(F.gelu(net.v(net.m(x)), approximate="tanh"))
        return net.f(x.mean(1))

    norms = {"n": nn.LayerNorm(16), "m": nn.LayerNorm(16)}
    body = {"q": nn.Linear(16, 48), "o": nn.Linear(16, 16), "v": nn.Linear(16, 32), "w": nn.Linear(32, 16)}
    return Net(run, **norms, **body, f=nn.Linear(16, 3))


def transformer() -> nn.Module:
    """Words, places, one encoder layer with two heads, three classes."""
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
    net = Net(
        lambda net, x: net.f(net.t(net.e(x) + net.p).mean(1)),
        e=nn.Embedding(50, 16),
        t=nn.TransformerEncoder(layer, 1, enable_nested_tensor=False),
        f=nn.Linear(16, 3),
    )
    net.p = nn.Parameter(torch.randn(1, 7, 16) * 0.1)
    return net


def activations() -> nn.Module:
    """Those that are rare."""
    layers: list[nn.Module] = []
    for act in (nn.SELU(), nn.Softplus(), nn.CELU(), nn.Softsign(), nn.LogSoftmax(1)):
        layers += [nn.Linear(8, 8), act]
    return nn.Sequential(*layers)


def transposed_1d() -> nn.Module:
    """A signal made shorter and longer again."""
    return nn.Sequential(nn.Conv1d(2, 8, 3, 2, 1), nn.ReLU(), nn.ConvTranspose1d(8, 2, 4, 2, 1))


def two_and_two() -> nn.Module:
    """Two inputs that meet, two outputs, one of which sees an input again."""

    def run(net: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        seen = F.relu(net.c(x) + net.d(y))
        return net.a(seen), net.b(seen) + y

    parts = {"c": nn.Linear(6, 8), "d": nn.Linear(2, 8), "a": nn.Linear(8, 3), "b": nn.Linear(8, 2)}
    return Net(run, **parts)


def twins() -> nn.Module:
    """One network for both inputs, and how far apart its answers are."""
    body = nn.Sequential(nn.Linear(6, 8), nn.ReLU())
    return Net(lambda net, x, y: net.f(torch.abs(net.c(x) - net.c(y))), c=body, f=nn.Linear(8, 1))
