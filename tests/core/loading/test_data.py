"""Data sets of every form become what the network takes, or a person is told what does not fit."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from penjing.errors import UserError
from penjing.loading.data import open_data
from penjing.loading.samples import samples
from penjing.loading.splitting import stratified
from penjing.model.model import Model
from tests.support.networks import network

RANDOM = np.random.default_rng(5)


def images_model(*shape: int, outputs: int = 3) -> Model:
    """A network of one linear layer on examples of this shape."""
    flat = int(np.prod(shape))
    return network(shape, [("flatten", nn.Flatten(), ""), ("fc", nn.Linear(flat, outputs), "")])


def save(folder: Path, arrays: Mapping[str, NDArray[Any]], card: str = "") -> Path:
    path = folder / "data.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    if card:
        (folder / "dataset.toml").write_text(card)
    return path


def split_arrays(x: NDArray[Any], **more: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return {f"x_{name}": x for name in ("train", "val", "test")} | more


def refused(path: Path, model: Model) -> UserError:
    with pytest.raises(UserError) as refusal:
        open_data(path, model=model)
    assert refusal.value.message() != refusal.value.message("zh_CN")
    return refusal.value


def test_that_ready_made_splits_are_read_with_labels_and_groups(tmp_path: Path) -> None:
    arrays = {}
    for name, count in (("train", 5), ("val", 3), ("test", 4)):
        arrays[f"x_{name}"] = RANDOM.standard_normal((count, 2, 4, 4)).astype(np.float32)
        arrays[f"y_{name}"] = np.arange(count) % 3
        arrays[f"group_{name}"] = np.arange(count, dtype=np.int16) // 2
    data = open_data(save(tmp_path, arrays), model=images_model(2, 4, 4))
    assert (len(data.train), len(data.val), len(data.test)) == (5, 3, 4)
    assert data.has_labels
    assert data.metric == "top1"
    assert data.classes == ("0", "1", "2")
    assert data.test.y is not None
    assert data.test.y.dtype == np.int64
    assert data.test.groups is not None
    assert data.test.groups.tolist() == [0, 0, 1, 1]
    assert np.array_equal(data.batch(data.val, slice(1, 3)).numpy(), arrays["x_val"][1:3])
    parts = list(data.batches(data.train, 2))
    assert [len(x) for x, _ in parts] == [2, 2, 1]
    assert torch.equal(torch.cat([x for x, _ in parts]), torch.from_numpy(arrays["x_train"]))
    assert [y.tolist() for _, y in parts if y is not None] == [[0, 1], [2, 0], [1]]


def test_that_whole_data_is_split_60_20_20_by_class_the_same_every_time(tmp_path: Path) -> None:
    x = np.arange(200, dtype=np.float32).reshape(100, 2)
    y = np.repeat([0, 1, 2, 2], 25)
    path = save(tmp_path, {"x": x, "y": y})
    model = images_model(2)
    data, again = open_data(path, model=model), open_data(path, model=model)
    for split, shares in ((data.train, [15, 15, 30]), (data.val, [5, 5, 10]), (data.test, [5, 5, 10])):
        assert split.y is not None
        assert np.bincount(split.y).tolist() == shares
    seen = np.concatenate([split.x[:, 0] for split in (data.train, data.val, data.test)])
    assert sorted(seen.tolist()) == x[:, 0].tolist()
    assert np.array_equal(data.test.x, again.test.x)


def test_that_a_recording_is_never_on_both_sides_of_a_split(tmp_path: Path) -> None:
    groups = np.repeat(np.arange(10) * 7, 10)
    path = save(tmp_path, {"x": RANDOM.random((100, 2)), "y": np.arange(100) % 3, "group": groups})
    data = open_data(path, model=images_model(2))
    found = [set(split.groups.tolist()) for split in (data.train, data.val, data.test) if split.groups is not None]
    assert [len(each) for each in found] == [6, 2, 2]
    assert not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])


def test_that_data_without_labels_measures_agreement(tmp_path: Path) -> None:
    data = open_data(save(tmp_path, {"x": RANDOM.random((20, 3))}), model=images_model(3))
    assert data.metric == "agreement"
    assert not data.has_labels
    assert [len(data.train), len(data.val), len(data.test)] == [12, 4, 4]
    assert next(data.batches(data.val, 8))[1] is None


@pytest.mark.parametrize(
    ("stored", "layout", "wanted"),
    [
        ((5, 4, 3), "", (3, 5, 4)),  # channels last, nothing else fits
        ((5, 4, 3), "NHWC", (3, 5, 4)),
        ((3, 5, 4), "NCHW", (5, 4, 3)),  # the network takes channels last
        ((5, 4, 3), "NHWC", (5, 4, 3)),
        ((6, 3), "NLC", (3, 6)),
        ((6, 3), "", (3, 6)),
        ((4, 4), "", (1, 4, 4)),  # gray images without a channel axis
        ((4, 4, 1), "", (1, 4, 4)),
        ((2, 3), "", (6,)),
    ],
)
def test_that_layouts_are_turned_into_the_networks(
    stored: tuple[int, ...], layout: str, wanted: tuple[int, ...], tmp_path: Path
) -> None:
    x = RANDOM.standard_normal((10, *stored)).astype(np.float32)
    card = f'layout = "{layout}"\n' if layout else ""
    data = open_data(save(tmp_path, split_arrays(x), card), model=images_model(*wanted))
    got = data.batch(data.test, slice(None)).numpy()
    moved = x
    if sorted(stored) == sorted(wanted) and stored != wanted and len(stored) > 1:
        order = (0, 2, 1) if len(stored) == 2 else (0, 3, 1, 2)
        moved = x.transpose(order) if x.transpose(order).shape[1:] == wanted else x.transpose(0, 2, 3, 1)
    assert np.array_equal(got, moved.reshape(10, *wanted))


def test_that_a_square_network_follows_the_card_and_not_the_guess(tmp_path: Path) -> None:
    x = RANDOM.standard_normal((10, 3, 3)).astype(np.float32)
    data = open_data(save(tmp_path, split_arrays(x), 'layout = "NLC"\n'), model=images_model(3, 3))
    assert np.array_equal(data.batch(data.test, slice(None)).numpy(), x.transpose(0, 2, 1))


def test_that_examples_are_normalised_by_channel_as_the_card_says(tmp_path: Path) -> None:
    x = RANDOM.integers(0, 256, (4, 5, 5, 2), dtype=np.uint8)
    card = (
        'title = "Two channels"\nlayout = "NHWC"\nmean = [10.0, 100.0]\nstd = [2.0, 4.0]\nclasses = ["a", "b", "c"]\n'
    )
    arrays = split_arrays(x) | {f"y_{name}": np.arange(4) % 3 for name in ("train", "val", "test")}
    path = save(tmp_path, arrays, card)
    wanted = ((x.astype(np.float64) - [10, 100]) / [2, 4]).astype(np.float32)
    data = open_data(path, model=images_model(2, 5, 5))
    assert (data.title, data.classes) == ("Two channels", ("a", "b", "c"))
    assert np.array_equal(data.batch(data.val, np.array([3, 1])).numpy(), wanted.transpose(0, 3, 1, 2)[[3, 1]])
    last = open_data(path, model=images_model(5, 5, 2))
    assert np.array_equal(last.batch(last.val, slice(None)).numpy(), wanted)


def test_that_bytes_without_a_card_become_0_to_1(tmp_path: Path) -> None:
    x = np.array([[[0, 51], [102, 255]]] * 5, np.uint8)[:, None]
    data = open_data(save(tmp_path, split_arrays(x)), model=images_model(1, 2, 2))
    assert np.allclose(data.batch(data.train, slice(1)).numpy(), [[[[0, 0.2], [0.4, 1]]]])


def test_that_folders_of_images_are_read_resized_and_shared_out(tmp_path: Path) -> None:
    colours = {"blue": (0, 0, 255), "red": (255, 0, 0)}
    for label, colour in colours.items():
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (20 + number, 16), colour).save(tmp_path / "set" / label / f"{number}.png")
    (tmp_path / "set" / "notes.txt").write_text("no image")
    data = open_data(tmp_path / "set", model=images_model(3, 8, 6, outputs=2))
    assert data.classes == ("blue", "red")
    assert [len(data.train), len(data.val), len(data.test)] == [12, 4, 4]
    assert data.test.y is not None
    for values, label in zip(data.batch(data.test, slice(None)), data.test.y.tolist(), strict=True):
        colour = torch.tensor(list(colours.values())[label]) / 255
        assert torch.equal(values, colour.reshape(3, 1, 1).expand(3, 8, 6))
    gray = open_data(tmp_path / "set", model=images_model(1, 8, 6, outputs=2))
    assert gray.train.x.shape == (12, 1, 8, 6)
    # ITU-R 601: blue weighs 114/1000, red 299/1000.
    assert sorted({int(value) for value in np.unique(gray.train.x)}) == [29, 76]


def test_that_image_folders_that_are_split_already_stay_so(tmp_path: Path) -> None:
    for name, count in (("train", 3), ("val", 2), ("test", 1)):
        for label in ("a", "b"):
            (tmp_path / name / label).mkdir(parents=True)
            for number in range(count):
                Image.new("L", (4, 4), number).save(tmp_path / name / label / f"{number}.png")
    data = open_data(tmp_path, model=images_model(1, 4, 4, outputs=2))
    assert [len(data.train), len(data.val), len(data.test)] == [6, 4, 2]


def test_that_broken_and_monstrous_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "broken.png").write_bytes(b"no image at all")
    assert refused(tmp_path, images_model(1, 4, 4)).code == "data.image"
    Image.new("1", (9000, 9000)).save(tmp_path / "a" / "broken.png")
    assert refused(tmp_path, images_model(1, 4, 4)).code == "load.too_big"
    assert refused(tmp_path, images_model(7)).code == "data.image_network"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refused(empty, images_model(1, 4, 4)).code == "data.no_images"


@pytest.mark.parametrize(
    ("header", "rows", "classes"),
    [
        ("a,label,b", "{0},{2},{1}", True),
        ("a,b,species", "{0},{1},{2}", True),
        ("", "{0},{1},{3}", False),
        ("a;b;label", "{0};{1};{3}", False),
    ],
)
def test_that_tables_are_read_with_their_labels(header: str, rows: str, classes: bool, tmp_path: Path) -> None:
    names = ["setosa", "iris, wild" if ";" in rows else "virginica"]
    lines = [rows.format(number / 8, -number, names[number % 2], number % 2) for number in range(20)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join([header, *lines] if header else lines) + "\n")
    data = open_data(path, model=images_model(2, outputs=2))
    assert data.classes == (tuple(sorted(names)) if classes else ("0", "1"))
    everything = [(split.x, split.y) for split in (data.train, data.val, data.test)]
    for x, y in everything:
        assert y is not None
        for values, label in zip(x.tolist(), y.tolist(), strict=True):
            number = int(-values[1])
            assert values[0] == number / 8
            assert label == (sorted(names).index(names[number % 2]) if classes else number % 2)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("a,label\n1,0\nx,1\n", "data.cell"),
        ("a,label\n1,0\ninf,1\n", "data.cell"),
        ("a,label\n1,0\n1,2,3\n", "data.row_length"),
        ("", "data.not_csv"),
        ("a,label\n", "data.not_csv"),
    ],
)
def test_that_a_table_s_mistake_is_named_by_row(content: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    assert refused(path, images_model(1, outputs=2)).code == code


def table(folder: Path, columns: int, *, header: bool, label: str | None = None) -> NDArray[np.float32]:
    """`table.csv` of 20 rows of small numbers, behind them 0 or 1 in a column that has a name; the numbers."""
    values = np.arange(20 * columns, dtype=np.float32).reshape(20, columns) / 8
    names = [f"p{column}" for column in range(columns)] + ([label] if label else [])
    ends = [f",{row % 2}" if label else "" for row in range(20)]
    lines = [",".join(f"{value}" for value in row) + end for row, end in zip(values, ends, strict=True)]
    (folder / "table.csv").write_text("\n".join([*([",".join(names)] if header else []), *lines]) + "\n")
    return values


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("shape", [(6,), (1, 2, 3)])
def test_that_a_table_with_exactly_what_the_network_takes_has_no_label(
    shape: tuple[int, ...], header: bool, tmp_path: Path
) -> None:
    values = table(tmp_path, 6, header=header)
    data = open_data(tmp_path / "table.csv", model=images_model(*shape))
    assert data.metric == "agreement" and all(split.y is None for split in (data.train, data.val, data.test))
    found = torch.cat([data.batch(split, slice(None)) for split in (data.train, data.val, data.test)])
    rows = {tuple(row) for row in found.reshape(20, -1).tolist()}
    assert found.shape[1:] == shape and rows == {tuple(row) for row in values.tolist()}


def test_that_a_column_called_label_is_one_even_where_the_network_would_take_it(tmp_path: Path) -> None:
    table(tmp_path, 5, header=True, label="label")
    assert refused(tmp_path / "table.csv", images_model(6)).code == "data.shape"
    assert open_data(tmp_path / "table.csv", model=images_model(5)).metric == "top1"


def test_that_a_card_says_that_a_table_has_no_label_and_in_which_order_its_channels_are(tmp_path: Path) -> None:
    values = table(tmp_path, 6, header=True)
    (tmp_path / "dataset.toml").write_text('label = ""\n')
    # Three channels of 1 × 2 values, or two positions of three channels: a row alone does not tell.
    assert refused(tmp_path / "table.csv", images_model(3, 1, 2)).code == "data.shape"
    (tmp_path / "dataset.toml").write_text('label = ""\nlayout = "NCHW"\n')
    data = open_data(tmp_path / "table.csv", model=images_model(3, 1, 2))
    first = data.batch(data.train, slice(0, 1))[0]
    assert first.flatten().tolist() in values.tolist() and data.metric == "agreement"


X = np.zeros((10, 2), np.float32)
NOT_A_NUMBER = np.where(np.arange(20).reshape(10, 2) == 7, np.nan, 0).astype(np.float32)
MISTAKES: dict[str, tuple[dict[str, NDArray[Any]], str, str]] = {
    "a shape that does not fit": ({"x": np.zeros((10, 3, 5), np.float32)}, "", "data.shape"),
    "no arrays that we know": ({"images": X}, "", "data.missing_array"),
    "a split that is missing": ({"x_train": X, "x_val": X}, "", "data.missing_array"),
    "labels for one split only": (split_arrays(X, y_val=np.zeros(10, int)), "", "data.unlabelled"),
    "labels of another length": ({"x": X, "y": np.zeros(9, int)}, "", "data.lengths"),
    "labels that are too large": ({"x": X, "y": np.arange(10)}, "", "data.labels"),
    "labels below zero": ({"x": X, "y": np.arange(10) % 3 - 1}, "", "data.labels"),
    "numbers to be answered, but more outputs": ({"x": X, "y": np.full(10, 0.5)}, "", "data.targets"),
    "words for examples": ({"x": np.full((10, 2), "a")}, "", "data.array"),
    "values that are not numbers": ({"x": NOT_A_NUMBER, "y": np.zeros(10, int)}, "", "data.not_finite"),
    "Python objects": ({"x": np.array([[{}, {}]] * 10, object)}, "", "data.pickled"),
    "too few examples": ({"x": X[:2], "y": np.zeros(2, int)}, "", "data.too_few"),
    "an empty split": (split_arrays(X) | {"x_val": X[:0]}, "", "data.empty_split"),
    "too few class names": ({"x": X, "y": np.arange(10) % 3}, 'classes = ["a"]', "data.class_names"),
    "a card with the wrong number of means": ({"x": X}, "mean = [1.0, 2.0, 3.0]", "data.normalisation"),
    "a card that divides by zero": ({"x": X}, "std = 0.0", "data.normalisation"),
    "a card with an unknown layout": ({"x": X}, 'layout = "CHWN"', "load.bad_card"),
    "a card that is no TOML": ({"x": X}, "layout = [", "load.bad_card"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_that_a_mistake_in_the_data_is_named(mistake: str, tmp_path: Path) -> None:
    arrays, card, code = MISTAKES[mistake]
    assert refused(save(tmp_path, arrays, card), images_model(2)).code == code


def test_that_both_shapes_are_named_where_they_do_not_fit(tmp_path: Path) -> None:
    message = str(refused(save(tmp_path, {"x": np.zeros((9, 3, 5, 5))}), images_model(1, 28, 28)))
    assert "[3, 5, 5]" in message
    assert "[1, 28, 28]" in message


def test_that_an_array_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    header += b" " * (117 - len(header)) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert refused(path, images_model(2)).code == "load.too_big"
    path.write_bytes(b"no archive")
    assert refused(path, images_model(2)).code == "data.not_npz"
    (tmp_path / "x.parquet").write_bytes(b"")
    assert refused(tmp_path / "x.parquet", images_model(2)).code == "data.unknown_format"
    assert refused(tmp_path / "nowhere.npz", images_model(2)).code == "load.not_found"


@pytest.mark.parametrize("entry", samples(), ids=lambda entry: entry.name)
def test_that_the_samples_data_fits_their_networks(entry: Any) -> None:
    shapes = {"digits": (1, 28, 28), "watch": (6, 100)}
    data = open_data(f"sample:{entry.name}", model=images_model(*shapes[entry.name], outputs=10))
    assert data.has_labels
    x = data.batch(data.train, slice(None))
    # The card's mean and standard deviation are those of the training examples.
    assert x.mean().item() == pytest.approx(0, abs=0.05)
    assert x.std().item() == pytest.approx(1, abs=0.1)


def test_that_groups_and_labels_keep_their_order_in_a_split() -> None:
    from penjing.loading.dataset import Split

    parts = stratified(Split(x=np.arange(50)[:, None], y=np.arange(50) % 2))
    assert all((np.diff(part.x[:, 0]) > 0).all() for part in parts.values())
