"""Feature maps: hidden layers of the student are drawn to the teacher's (Romero 2015, FitNets)."""

import torch
from torch import Tensor, nn

from penjing.distillation.losses.table import Batch, register


class Regressor(nn.Module):
    """r of FitNets: a 1×1 convolution without bias, from the student's channels to the teacher's; trained along."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, feature: Tensor) -> Tensor:
        """[n, student channels, …] → [n, teacher channels, …]."""
        return torch.einsum("ts,ns...->nt...", self.weight, feature)


def fitted_regressor(student: Tensor, teacher: Tensor) -> nn.Module:
    """The regressor that fits given features best (least squares with a small ridge); nothing where channels agree.

    A random one would first pull a student that is already good towards noise.
    """
    if student.shape[1] == teacher.shape[1]:
        return nn.Identity()
    inputs = student.transpose(0, 1).flatten(1).double()
    targets = teacher.transpose(0, 1).flatten(1).double()
    gram = inputs @ inputs.T
    ridge = 1e-4 * gram.diagonal().mean().clamp(min=1e-12)
    weight = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), inputs @ targets.T).T
    return Regressor(weight.to(student.dtype).contiguous())


def feature_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """½ ‖F_t - F_s‖², summed over a sample's values, mean over the batch; both [n, channels, …]."""
    return 0.5 * (teacher - student).square().sum() / len(student)


@register("feature", needs=frozenset({"teacher", "features"}), weight=lambda options: options.feature)
def _term(batch: Batch) -> Tensor:
    pairs = zip(batch.student_features, batch.teacher_features, batch.regressors, strict=True)
    return torch.stack([feature_distance(regress(ours), theirs) for ours, theirs, regress in pairs]).sum()
