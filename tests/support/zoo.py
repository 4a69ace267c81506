"""Small networks of every kind that people bring, as torch modules in evaluation mode, and inputs for them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tests.support import zoo_pictures as pictures
from tests.support import zoo_sequences as sequences


@dataclass(frozen=True, kw_only=True)
class Entry:
    """How a network is made, the shapes of its inputs without the batch, and how many words there are, if any."""

    make: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    words: int = 0


IMAGE = (3, 16, 16)


def _pictures(make: Callable[[], nn.Module]) -> Entry:
    return Entry(make=make, shapes=(IMAGE,))


STEPS = ((7, 6),)
ZOO: dict[str, Entry] = {
    "LeNet": Entry(make=pictures.lenet, shapes=((1, 14, 14),)),
    "VGG": _pictures(pictures.vgg),
    "ResNet": _pictures(pictures.resnet),
    "MobileNetV1": _pictures(pictures.mobilenet_v1),
    "MobileNetV2": _pictures(pictures.mobilenet_v2),
    "DS-CNN": Entry(make=pictures.ds_cnn, shapes=((1, 49, 10),)),
    "SqueezeNet": _pictures(pictures.squeezenet),
    "Inception": _pictures(pictures.inception),
    "DenseNet": _pictures(pictures.densenet),
    "ShuffleNet": _pictures(pictures.shuffled),
    "U-Net, nearest": _pictures(lambda: pictures.unet(nn.Upsample(scale_factor=2, mode="nearest"))),
    "U-Net, bilinear": _pictures(lambda: pictures.unet(nn.Upsample(scale_factor=2, mode="bilinear"))),
    "U-Net, transposed": _pictures(lambda: pictures.unet(nn.ConvTranspose2d(16, 16, 2, 2))),
    "1-D CNN": Entry(make=sequences.cnn_1d, shapes=((4, 32),)),
    "TCN": Entry(make=sequences.tcn, shapes=((4, 20),)),
    "TCN, cut": Entry(make=sequences.tcn_cut, shapes=((4, 20),)),
    "MLP": Entry(make=sequences.mlp, shapes=((10,),)),
    "autoencoder": Entry(make=pictures.autoencoder, shapes=((1, 16, 16),)),
    "autoencoder, dense": Entry(make=sequences.dense_autoencoder, shapes=((16,),)),
    "LSTM": Entry(make=lambda: sequences.recurrent(nn.LSTM), shapes=STEPS),
    "LSTM, both ways, stacked": Entry(
        make=lambda: sequences.recurrent(nn.LSTM, num_layers=2, bidirectional=True), shapes=STEPS
    ),
    "LSTM, last state": Entry(make=sequences.last_state, shapes=STEPS),
    "GRU": Entry(make=lambda: sequences.recurrent(nn.GRU), shapes=STEPS),
    "GRU, both ways": Entry(make=sequences.mean_of_both_ways, shapes=STEPS),
    "RNN": Entry(make=lambda: sequences.recurrent(nn.RNN), shapes=STEPS),
    "transformer encoder": Entry(make=sequences.transformer, shapes=((7,),), words=50),
    "attention": Entry(make=sequences.attention, shapes=((7, 16),)),
    "squeeze-and-excite gates": _pictures(pictures.gated),
    "gates of linear layers": _pictures(pictures.gated_by_linear),
    "rare activations": Entry(make=sequences.activations, shapes=((8,),)),
    "PReLU": _pictures(pictures.slopes),
    "groups and dilation": _pictures(pictures.grouped),
    "transposed convolutions": Entry(make=pictures.transposed, shapes=((1, 16, 16),)),
    "transposed convolution, 1-D": Entry(make=sequences.transposed_1d, shapes=((2, 16),)),
    "group and instance norm": _pictures(pictures.normed),
    "two inputs": Entry(make=pictures.two_inputs, shapes=((1, 8, 8), (6,))),
    "two outputs": _pictures(pictures.two_outputs),
    "two inputs, two outputs": Entry(make=sequences.two_and_two, shapes=((6,), (2,))),
    "twins": Entry(make=sequences.twins, shapes=((6,), (6,))),
}
"""By the name that people know."""


def made(name: str) -> nn.Module:
    """The network with weights and statistics that say something."""
    torch.manual_seed(4)
    network = ZOO[name].make().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.GroupNorm | nn.InstanceNorm2d | nn.LayerNorm):
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, 0, 0.2)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.1, 0.4)
    return network


def example(name: str, count: int = 1, *, seed: int = 0) -> tuple[Tensor, ...]:
    """Inputs of `count` examples."""
    generator, entry = torch.Generator().manual_seed(seed), ZOO[name]
    if entry.words:
        return tuple(torch.randint(0, entry.words, (count, *shape), generator=generator) for shape in entry.shapes)
    return tuple(torch.randn(count, *shape, generator=generator) for shape in entry.shapes)
