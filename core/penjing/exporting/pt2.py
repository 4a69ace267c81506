"""PyTorch: the network as a `.pt2` archive of torch.export, and its state dict as safetensors, which holds no code.

>>> network = torch.export.load("model.pt2").module()                   # doctest: +SKIP
>>> mine.load_state_dict(safetensors.torch.load_file("model.safetensors"))   # doctest: +SKIP
"""

import io
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from penjing.errors import UserError
from penjing.exporting.export import Request, register
from penjing.model.model import Model
from penjing.model.opaque import Opaque
from penjing.model.operators.table import operator_of

MAX_BATCH = 4096


@register("pt2")
def write_pt2(request: Request) -> tuple[Path, ...]:
    """NAME.pt2 and NAME.safetensors.

    Raises:
        UserError: `export.pt2_opaque` with the layers that are no torch modules.
    """
    kept = [
        f"{request.model.source_names.get(name, name)} ({operator_of(module).title(module)})"
        for name, module, _ in request.model.layers()
        if isinstance(module, Opaque)
    ]
    if kept:
        raise UserError("export.pt2_opaque", layers=", ".join(kept))
    archive, state = request.path(".pt2"), request.path(".safetensors")
    # By way of memory: on a full disk torch's own writer of files ends the process in its destructor.
    content = io.BytesIO()
    torch.export.save(exported_program(request.model), content)
    archive.write_bytes(content.getbuffer())
    state.write_bytes(save(state_dict(request.model)))
    return archive, state


def exported_program(model: Model) -> torch.export.ExportedProgram:
    """The float network as torch.export sees it, the batch axis open (1 to 4096)."""
    # Batch 2: torch.export would take a batch of 1 as a fixed size.
    examples = tuple(torch.zeros(2, *entry.shape[1:]) for entry in model.inputs)
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    shapes = {entry.name.replace(".", "_"): {0: batch} for entry in model.inputs}
    program = torch.export.export(model.copy().module, examples, dynamic_shapes=shapes)
    for node in program.graph.nodes:
        # Where torch lies on this machine is nobody's business, and would make the file's size depend on it.
        node.meta.pop("stack_trace", None)
        node.meta.pop("custom", None)
    return program


def state_dict(model: Model) -> dict[str, Tensor]:
    """Every parameter and buffer by its name in module form, without the optimizer's counters."""
    found = model.module.state_dict()
    return {
        name: tensor.detach().clone().contiguous()
        for name, tensor in found.items()
        if not name.endswith("num_batches_tracked")
    }
