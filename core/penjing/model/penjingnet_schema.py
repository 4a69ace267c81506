"""What the JSON in a `.penjingnet` file holds: the graph as data, and how each tensor is stored."""

from typing import Any, Literal

import msgspec

from penjing.errors import Note

SCHEMA_VERSION = 2
"""Version 1 came as a zip and knew neither `fixed8` nor unmasked halves."""

ValueEncoding = Literal["float32", "float16", "fixed8", "packed"]


class Version(msgspec.Struct, frozen=True):
    """Only what says how to read the rest."""

    schema_version: int


class CodebookEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The values that a weight shares: `size` of them, stored as `values`, then `bytes` bytes of coded places.

    Without `bytes` the weight itself is stored in the tensor's encoding, and its values are the codebook.
    """

    size: int = 0
    values: ValueEncoding = "float32"
    bytes: int = 0


class TensorEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One tensor: shape and encoding; `mask` says that it is pruned, `bitmap` that only kept values are stored."""

    shape: tuple[int, ...]
    encoding: str = "float32"
    mask: bool = False
    bitmap: bool = False
    codebook: CodebookEntry | None = None


class QuantizerEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One quantizer; its scales (float32) and, if `zeros` names a type, its zero points are in the weights."""

    bits: int = 8
    channels: int | None = None
    """Number of scales; None: one for the whole tensor."""
    axis: int | None = None
    symmetric: bool = True
    float16: bool = False
    zeros: Literal["i1", "i2", "i4"] | None = None


class InputEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One input of the network."""

    name: str
    source_name: str
    shape: tuple[int, ...]
    quantizer: QuantizerEntry | None = None


class OutputEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One output of the network."""

    source_name: str
    layer: str


class NodeEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One layer; `source_name` is left out where it is the name."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    source_name: str | None = None
    attributes: dict[str, Any] = {}
    weight: QuantizerEntry | None = None
    activation: QuantizerEntry | None = None
    tensors: dict[str, TensorEntry] = {}


class NetworkEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The whole network."""

    schema_version: int
    inputs: tuple[InputEntry, ...]
    nodes: tuple[NodeEntry, ...]
    outputs: tuple[OutputEntry, ...]
    opset: int | None = None
    warnings: tuple[Note | str, ...] = ()
    """Texts in files of before notes had codes."""
