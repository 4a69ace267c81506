"""Tables as people write them: quotes, gaps, other separators, decimal commas, encodings, several targets."""

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from penjing.errors import UserError
from penjing.loading.card import TableCard
from penjing.loading.csv_data import read_csv
from penjing.loading.data import open_data
from penjing.loading.raw_data import RawData
from penjing.model.model import Model
from tests.support.networks import network


def linear(taken: int, outputs: int) -> Model:
    return network((taken,), [("fc", nn.Linear(taken, outputs), "")])


def table(folder: Path, content: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(raw: RawData) -> list[list[float]]:
    return np.round(raw.splits["train"].x.astype(float), 4).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_that_the_separator_is_found_out_beside_quoted_ones(separator: str, tmp_path: Path) -> None:
    lines = [["a", "b", "label"], ["1", '"2"', '"one, two; three|four\tfive"'], ["3", "4.5", '"say ""no"""']]
    raw = read_csv(table(tmp_path, "\r\n".join(separator.join(line) for line in lines)))
    assert rows(raw) == [[1, 2], [3, 4.5]]
    assert raw.classes == ("one, two; three|four\tfive", 'say "no"')


def test_that_decimal_commas_are_read_where_the_separator_is_another(tmp_path: Path) -> None:
    raw = read_csv(table(tmp_path, "a;b;label\n1,5;-2;0\n1.234,25;3e2;1\n"))
    assert rows(raw) == [[1.5, -2], [1234.25, 300]]
    assert raw.facts[0].values == {"separator": ";", "decimal": ","}
    quoted = read_csv(table(tmp_path, '"a; b";"c";"label"\n"1,5";"-2";"0"\n"0,25";"";"1"\n'))
    assert np.array_equal(quoted.splits["train"].x, [[1.5, -2], [0.25, np.nan]], equal_nan=True)
    plain = read_csv(table(tmp_path, "a;label\n1,5;0\n"), card=TableCard(decimal=","))
    assert rows(plain) == [[1.5]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gbk"])
def test_that_marks_and_named_encodings_are_understood(encoding: str, tmp_path: Path) -> None:
    path = table(tmp_path, "温度,label\n1,好\n2,坏\n".encode(encoding))
    if encoding == "gbk":
        with pytest.raises(UserError) as refusal:
            read_csv(path)
        assert refusal.value.code == "data.encoding" and "gbk" in str(refusal.value.hint())
        assert read_csv(path, card=TableCard(encoding="gbk")).classes == ("坏", "好")
        for wrong in ("zip", "rot13", "no-such"):
            with pytest.raises(UserError) as refusal:
                read_csv(path, card=TableCard(encoding=wrong))
            assert refusal.value.code == "data.unknown_encoding"
    else:
        assert read_csv(path).classes == ("坏", "好")


def test_that_missing_values_stand_at_what_the_training_rows_say(tmp_path: Path) -> None:
    lines = [f"{number},{'NA' if number % 5 == 2 else number * 10},{number % 2}" for number in range(40)]
    path = table(tmp_path, "\n".join(["a,b,label", *lines]))
    found = {}
    for how in ("mean", "median", "zero"):
        (tmp_path / "dataset.toml").write_text(f'[table]\nmissing = "{how}"\n')
        data = open_data(path, model=linear(2, 2))
        train = [row for row in data.train.x.tolist() if row[0] % 5 != 2]
        values = {row[1] for split in (data.train, data.val, data.test) for row in split.x.tolist() if row[0] % 5 == 2}
        assert len(values) == 1
        found[how] = values.pop()
        known = [row[1] for row in train]
        wanted = {"mean": np.mean(known), "median": np.median(known), "zero": 0.0}[how]
        assert found[how] == pytest.approx(wanted, rel=1e-6)
        (fact,) = [fact for fact in data.facts if fact.code.startswith("data.fact.missing")]
        assert fact.values["count"] == 8 and fact.code.endswith(how)
    (tmp_path / "dataset.toml").write_text('[table]\nmissing = "drop"\n')
    data = open_data(path, model=linear(2, 2))
    assert sum(len(split) for split in (data.train, data.val, data.test)) == 32
    (tmp_path / "dataset.toml").write_text('[table]\nmissing = "refuse"\n')
    with pytest.raises(UserError) as refusal:
        open_data(path, model=linear(2, 2))
    assert refusal.value.code == "data.missing_cell" and refusal.value.values["row"] == 4


def test_that_rows_without_their_answer_are_left_out(tmp_path: Path) -> None:
    raw = read_csv(table(tmp_path, "a,label\n1,x\n2,\n3,y\n\n"))
    assert rows(raw) == [[1], [3]]
    assert raw.facts[-1].code == "data.fact.rows_left_out" and raw.facts[-1].values["count"] == 1


def test_that_several_targets_are_named_or_known_by_their_number(tmp_path: Path) -> None:
    lines = [f"{n},{n + 1},{n / 2},{-n},id{n}" for n in range(20)]
    path = table(tmp_path, "\n".join(["a,b,up,down,name", *lines]))
    (tmp_path / "dataset.toml").write_text('target = ["down", "up"]\n[table]\nignore = ["name"]\n')
    data = open_data(path, model=linear(2, 2))
    assert data.metric == "mse" and data.classes == ()
    for split in (data.train, data.val, data.test):
        assert split.targets is not None
        assert split.targets.tolist() == [[-row[0], row[0] / 2] for row in split.x.tolist()]
    (tmp_path / "dataset.toml").write_text('[table]\nignore = ["5"]\n')
    again = open_data(path, model=linear(2, 2))
    assert again.train.targets is not None and again.train.targets[0].tolist() == [
        again.train.x[0, 0] / 2,
        -again.train.x[0, 0],
    ]
    (tmp_path / "dataset.toml").write_text('target = "side"\n')
    with pytest.raises(UserError, match="side"):
        open_data(path, model=linear(2, 2))


def test_that_a_last_column_of_fractions_is_a_target_and_so_are_numbers_for_one_output(tmp_path: Path) -> None:
    path = table(tmp_path, "\n".join(f"{n},{n % 3},{n / 8}" for n in range(20)))
    assert open_data(path, model=linear(2, 1)).metric == "mse"
    ages = table(tmp_path, "\n".join(f"{n},{n % 3},{n + 20}" for n in range(20)))
    data = open_data(ages, model=linear(2, 1))
    assert data.metric == "mse" and data.train.targets is not None and data.train.targets.min() >= 20
    assert open_data(ages, model=linear(2, 1), metric="r2").metric == "r2"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"a,label\n\x00\x01,0\n", "data.not_csv"),
        (b"PK\x03\x04\xff\xfe", "data.encoding"),
        (b"a,label\n1,0\n" + b'"' + b"x" * 200_000, "data.not_csv"),
    ],
)
def test_that_what_is_no_table_is_said_so(content: bytes, code: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refusal:
        read_csv(table(tmp_path, content))
    assert refusal.value.code == code
