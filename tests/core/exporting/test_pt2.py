"""PyTorch's own archive and the state dict, judged by torch.export and safetensors."""

import errno
import os
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from safetensors.torch import load_file

from penjing.errors import UserError
from penjing.exporting.export import export_model
from penjing.exporting.pt2 import state_dict
from tests.core.exporting.networks import NETWORKS, batch, residual


@pytest.mark.parametrize("name", ["residual", "concat", "perceptron"])
def test_that_torch_computes_what_the_module_computes_at_any_batch(name: str, tmp_path: Path) -> None:
    model = NETWORKS[name]()
    export_model(model, tmp_path, format="pt2")
    loaded = torch.export.load(tmp_path / "model.pt2").module()
    for size in (1, 7):
        values = batch(model, size)
        got, wanted = loaded(values), model(values)
        for one, other in zip(
            got if isinstance(got, tuple | list) else (got,),
            wanted if isinstance(wanted, tuple) else (wanted,),
            strict=True,
        ):
            assert torch.equal(one, other)


def test_that_a_full_disk_is_a_message_and_does_not_end_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = residual()
    monkeypatch.setattr(torch._C, "PyTorchFileWriter", Mock(wraps=torch._C.PyTorchFileWriter))
    monkeypatch.setattr(Path, "write_bytes", Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
    with pytest.raises(UserError) as caught:
        export_model(model, tmp_path, format="pt2")
    assert caught.value.code == "export.cannot_write" and "No space left" in caught.value.message()
    # torch's own writer of files, whose destructor ends the process, is never given a path.
    assert not any(isinstance(call.args[0], str) for call in torch._C.PyTorchFileWriter.call_args_list)


def test_that_the_state_dict_restores_the_module_without_pickles(tmp_path: Path) -> None:
    model = residual()
    files = export_model(model, tmp_path, format="pt2")
    assert [file.path for file in files] == ["model.pt2", "model.safetensors"]
    other = model.copy()
    for parameter in other.module.parameters():
        parameter.zero_()
    missing, unexpected = other.module.load_state_dict(load_file(tmp_path / "model.safetensors"), strict=False)
    assert all(name.endswith("num_batches_tracked") for name in missing) and not unexpected
    values = batch(model, 3)
    assert torch.equal(other(values), model(values))
    assert "conv1.weight" in state_dict(model)
