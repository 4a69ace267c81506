"""One output for two classes: z tells them apart by its sign, as the scores 0 and z do.

The cross-entropy of the scores [0, z] is the binary one of z, and softmax([0, z]) is [1 - σ(z), σ(z)]; so whatever is
written for classes holds for a single output, too.

>>> import torch
>>> scores_of_both(torch.tensor([[-2.0], [3.0]])).argmax(dim=1).tolist()
[0, 1]
"""

import torch
from torch import Tensor


def scores_of_both(scores: Tensor) -> Tensor:
    """[n, classes] as they are, a single score [n, 1] as those of both classes [n, 2]."""
    return torch.cat([torch.zeros_like(scores), scores], dim=1) if scores.shape[1] == 1 else scores


def chances_of_both(chances: Tensor) -> Tensor:
    """[n, classes] as they are, the single chance [n, 1] of the second class as those of both [n, 2]."""
    return torch.cat([1 - chances, chances], dim=1) if chances.shape[1] == 1 else chances
