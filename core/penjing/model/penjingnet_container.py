r"""The container of a `.penjingnet` file: the graph as JSON, deflated, then the numbers; older files are zips.

    PENJING\x02  crc32 of what follows, <u4   bytes of the deflated JSON, <u4   JSON   numbers

Deflate starts from a dictionary of what such a JSON says again and again: a network of ten layers takes 200 bytes in
place of 700, which counts where all its weights take 4,000.

>>> content = pack(b'{"nodes":[]}', bytes(3))
>>> len(content), unpack(content, "network")
(26, (b'{"nodes":[]}', b'\x00\x00\x00'))
"""

import io
import struct
import zipfile
import zlib

from penjing.errors import UserError

MAX_JSON_BYTES = 64 << 20
MAX_WEIGHT_BYTES = 2 << 30

_MAGIC = b"PENJING\x02"
_HEAD = struct.Struct("<8sII")
_NETWORK, _WEIGHTS = "network.json", "weights.bin"

_DICTIONARY = (
    b'"warnings":["axis":0,"float16":true,"zeros":"i1","symmetric":false,"keepdim":true,"eps":1e-05,"momentum":0.1,'
    b'"dims":2}"kind":"identity"},"kind":"softmax","attributes":{"dim":1}},"kind":"dropout","attributes":{"p":0.5}},'
    b'"kind":"concat","attributes":{"dim":1}},"kind":"sigmoid"},"kind":"add"},"kind":"clip","attributes":{"min":0.0,'
    b'"max":6.0}},"kind":"global_avg_pool","attributes":{"keepdim":true}},"kind":"avg_pool","attributes":{"kernel":[2,'
    b'2],"stride":[2,2],"padding":[0,0],"ceil_mode":false,"count_include_pad":true}},"kind":"batch_norm","attributes":'
    b'{"eps":1e-05,"momentum":0.1,"dims":2},"tensors":{"weight":{"shape":[32]},"bias":{"shape":[32]},"running_mean":'
    b'{"shape":[32]},"running_var":{"shape":[32]}}},"weight":{"bits":8},"activation":{"symmetric":false,"zeros":"i1"}'
    b',"weight":{"bits":4,"channels":64,"axis":0},"encoding":"packed","mask":true,"bitmap":true},"bias":{"shape":[64]}'
    b'}},{"name":"relu1","kind":"relu","inputs":["conv1"]},{"name":"pool1","kind":"max_pool","inputs":["conv1"],'
    b'"attributes":{"kernel":[2,2],"stride":[2,2],"padding":[0,0],"ceil_mode":false,"dilation":[1,1]}},{"name":'
    b'"conv2","kind":"conv","inputs":["relu1"],"attributes":{"stride":[1,1],"padding":[1,1],"dilation":[1,1],"groups":'
    b'1},"tensors":{"weight":{"shape":[16,8,3,3],"encoding":"codebook","mask":true,"codebook":{"size":15,"values":'
    b'"float16","bytes":256}},"bias":{"shape":[100],"encoding":"fixed8"}}},{"name":"flatten","kind":"flatten","inputs"'
    b':["relu2"],"attributes":{"start_dim":1,"end_dim":-1}},{"name":"fc1","kind":"linear","inputs":["flatten"],'
    b'"tensors":{"weight":{"shape":[10,100],"encoding":"codebook","mask":true,"codebook":{"size":16,"values":'
    b'"float16","bytes":1024}},"bias":{"shape":[10],"encoding":"fixed8"}}}],"outputs":[{"source_name":"output",'
    b'"layer":"fc2"}],"opset":18}{"schema_version":1,"inputs":[{"name":"input","source_name":"input","shape":[1,1,28,28'
    b']}],"nodes":[{"name":"conv1","kind":"conv","inputs":["input'
)
"""Part of the format: files of version 2 are not read with another one. What is most likely stands last."""


def pack(text: bytes, weights: bytes) -> bytes:
    """The bytes of a file."""
    packed = deflated(text)
    body = struct.pack("<I", len(packed)) + packed + weights
    return _MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def packed_bytes(text: bytes) -> int:
    """The bytes of a file without the numbers."""
    return _HEAD.size + len(deflated(text))


def deflated(text: bytes) -> bytes:
    """The JSON as it stands in the file."""
    squeezer = zlib.compressobj(9, wbits=-15, memLevel=9, zdict=_DICTIONARY)
    return squeezer.compress(text) + squeezer.flush()


def unpack(content: bytes, where: str) -> tuple[bytes, bytes]:
    """The JSON and the numbers of a file of any version.

    Raises:
        UserError: `load.not_penjingnet`, `load.bad_penjingnet`.
    """
    if not content.startswith(_MAGIC):
        return _unzipped(content, where)
    if len(content) < _HEAD.size:
        raise UserError("load.not_penjingnet", path=where)
    _, checksum, length = _HEAD.unpack_from(content)
    if zlib.crc32(memoryview(content)[len(_MAGIC) + 4 :]) != checksum:
        raise UserError("load.bad_penjingnet", where=where, detail="the bytes do not fit their checksum")
    end = _HEAD.size + length
    opener = zlib.decompressobj(-15, zdict=_DICTIONARY)
    try:
        text = opener.decompress(content[_HEAD.size : end], MAX_JSON_BYTES + 1)
    except zlib.error as error:
        raise UserError("load.not_penjingnet", path=where) from error
    if len(text) > MAX_JSON_BYTES:
        raise UserError("load.bad_penjingnet", where=where, detail="the graph is too big")
    if not opener.eof or opener.unused_data or end > len(content):
        raise UserError("load.not_penjingnet", path=where)
    return text, content[end:]


def _unzipped(content: bytes, where: str) -> tuple[bytes, bytes]:
    """Version 1: a zip of two entries, the graph deflated, the numbers as they are."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {info.filename: info for info in archive.infolist()}
            if len(archive.infolist()) != 2 or set(entries) != {_NETWORK, _WEIGHTS}:
                raise UserError("load.not_penjingnet", path=where)
            text = _read(archive, entries[_NETWORK], MAX_JSON_BYTES, where)
            if entries[_WEIGHTS].compress_type != zipfile.ZIP_STORED:
                raise UserError("load.bad_penjingnet", where=where, detail=f"{_WEIGHTS} is compressed")
            return text, _read(archive, entries[_WEIGHTS], MAX_WEIGHT_BYTES, where)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise UserError("load.not_penjingnet", path=where) from error


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int, where: str) -> bytes:
    """One entry, never more than `most` bytes of it, whatever its header says."""
    with archive.open(info) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError("load.bad_penjingnet", where=where, detail=f"{info.filename} is too big")
    return content
