"""Opens a network beside its data, which tell the extents that the network's file leaves open.

>>> from penjing.loading.with_data import open_with_data
>>> open_with_data("model.onnx", "data.npz").inputs[0].shape  # doctest: +SKIP
(1, 3, 32, 32)
"""

from pathlib import Path

from penjing.errors import UserError
from penjing.loading.open import open_model
from penjing.model.model import Model


def open_with_data(
    source: str | Path, data: str | Path | None, *, architecture: str | None = None, allow_code: bool = False
) -> Model:
    """The network of a file, as `open_model`; extents that it leaves open come from the data, where these tell them.

    Raises:
        UserError: as `open_model`; what the data's reader says of it.
    """
    try:
        return open_model(source, architecture=architecture, allow_code=allow_code)
    except UserError as error:
        if error.code != "load.symbolic_shape" or data is None:
            raise
        from penjing.loading.data import example_shapes  # readers of data take their time to import

        shapes = example_shapes(data)
        if shapes is None:
            raise
    return open_model(source, architecture=architecture, allow_code=allow_code, example_shapes=shapes)
