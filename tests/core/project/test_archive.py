"""Project files: whole or not at all, the same after a round trip, and hostile ones harmless."""

import json
import os
import time
import zipfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penjing.errors import UserError
from penjing.plan import Plan
from penjing.project import archive
from penjing.project.archive import read_archive, write_archive
from penjing.project.documents import decode, encode
from penjing.project.identity import original, same
from penjing.project.values import Original, Project, Run, Unfinished
from penjing.results import Accuracy, Epoch, Figures

FIGURES = Figures(params=10, nonzero=5, macs=100, size_bytes=40, ram_bytes=16)
RUN = Run(
    id="distill-01",
    name="Distilled 1",
    kind="distill",
    created="2026-01-01T00:00:00+00:00",
    plan=Plan().with_layer("conv1", sparsity=0.5),
    figures=FIGURES,
    accuracy=Accuracy(value=0.9, low=0.8, high=0.95, n=100),
    has_network=True,
    history=(Epoch(number=0, val_accuracy=0.5), Epoch(number=1, val_accuracy=0.9, loss=0.1)),
)
PROJECT = Project(
    source=Original(path="/nets/a.onnx", sha256="0" * 64),
    data=Original(path="sample:digits"),
    title="网络 & <b>",
    device="rp2040",
    budgets={"flash_bytes": 65536, "latency_ms": 1.5},
    plan=Plan().with_defaults(weight_bits=4),
    runs=(RUN,),
    applied="distill-01",
)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work" / "distill-01"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    (folder / "model.penjingnet").write_bytes(b"network" * 100)
    (folder / "something.else").write_text("not packed")
    return folder


def test_that_a_project_comes_back_with_the_networks_of_its_runs(tmp_path: Path, run_folder: Path) -> None:
    path = tmp_path / "a.penjing"
    write_archive(path, PROJECT, {"distill-01": run_folder})
    assert read_archive(path, tmp_path / "out") == PROJECT
    assert (tmp_path / "out/distill-01/model.penjingnet").read_bytes() == b"network" * 100
    assert not (tmp_path / "out/distill-01/something.else").exists()


def test_that_a_clock_that_fell_back_to_1975_costs_no_project(
    tmp_path: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in run_folder.iterdir():
        os.utime(file, (157_766_400, 157_766_400))
    monkeypatch.setattr(time, "time", lambda: 157_766_400.0)
    path = tmp_path / "a.penjing"
    write_archive(path, PROJECT, {"distill-01": run_folder})
    assert read_archive(path, tmp_path / "out") == PROJECT
    assert (tmp_path / "out/distill-01/model.penjingnet").read_bytes() == b"network" * 100


def test_that_a_project_is_a_zip_with_the_documents_that_are_promised(tmp_path: Path, run_folder: Path) -> None:
    path = tmp_path / "a.penjing"
    write_archive(path, PROJECT, {"distill-01": run_folder})
    with zipfile.ZipFile(path) as found:
        names = set(found.namelist())
        plan = json.loads(found.read("plan.json"))
        head = json.loads(found.read("project.json"))
    assert {"project.json", "plan.json", "history.json", "runs/distill-01/model.penjingnet"} <= names
    assert plan["defaults"]["weight_bits"] == 4
    assert head["schema_version"] == 1
    assert head["source"]["path"] == "/nets/a.onnx"


@given(
    title=st.text(max_size=20),
    path=st.text(min_size=1, max_size=40),
    sparsity=st.floats(0, 1),
    budget=st.integers(0, 2**50),
)
@settings(max_examples=40)
def test_that_documents_come_back(title: str, path: str, sparsity: float, budget: int) -> None:
    project = Project(
        source=Original(path=path),
        title=title,
        plan=Plan().with_defaults(sparsity=sparsity),
        budgets={"ram_bytes": budget},
    )
    assert decode(encode(project)) == project


def test_that_the_state_of_a_training_travels_with_the_project_and_nothing_else_does(tmp_path: Path) -> None:
    project = msgspec.structs.replace(PROJECT, training=Unfinished(id="qat-7", kind="qat", plan=PROJECT.plan, epochs=3))
    folder = tmp_path / "from" / "qat-7.checkpoint"
    folder.mkdir(parents=True)
    for name in ("2-qat.safetensors", ".2-qat.safetensors.new", "note.txt"):
        (folder / name).write_bytes(name.encode())
    path = tmp_path / "a.penjing"
    write_archive(path, project, {}, folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("runs/other.checkpoint/2-qat.safetensors", b"of nobody")
        archive.writestr("runs/qat-7.checkpoint/run.json", b"no checkpoint")
    assert read_archive(path, tmp_path / "to").training == project.training
    files = [one for one in (tmp_path / "to").rglob("*") if one.is_file()]
    assert [one.relative_to(tmp_path / "to").as_posix() for one in files] == ["qat-7.checkpoint/2-qat.safetensors"]
    assert files[0].read_bytes() == b"2-qat.safetensors"


def test_that_a_full_disk_leaves_the_older_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.penjing"
    write_archive(path, PROJECT, {})
    before = path.read_bytes()

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError) as error:
        write_archive(path, PROJECT, {})
    assert error.value.code == "project.cannot_write"
    assert "No space left on device" in str(error.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_that_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        write_archive(tmp_path / "nowhere" / "a.penjing", PROJECT, {})


def tampered(tmp_path: Path, **changes: bytes | None) -> Path:
    """A project file with other documents."""
    documents = encode(PROJECT)
    path = tmp_path / "b.penjing"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in documents.items():
            replaced = changes.get(name.removesuffix(".json"), content)
            if replaced is not None:
                file.writestr(name, replaced)
    return path


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"project": None}, "project.damaged"),
        ({"history": None}, "project.damaged"),
        ({"project": b"{"}, "project.damaged"),
        ({"project": b"\xff"}, "project.damaged"),
        ({"project": b'{"schema_version": 2, "source": {"path": "x"}}'}, "project.version"),
        ({"project": b'{"schema_version": true, "source": {"path": "x"}}'}, "project.version"),
        ({"project": b'{"schema_version": 1}'}, "project.damaged"),
        ({"plan": b'{"defaults": {"sparsity": 7}}'}, "plan.out_of_range"),
        ({"plan": b"[" * 5000}, "plan.not_json"),
        ({"history": b'{"runs": [{"id": "a"}]}'}, "plan.wrong_type"),
        ({"history": b'{"runs": 3}'}, "project.damaged"),
    ],
)
def test_that_damaged_documents_are_told(tmp_path: Path, changes: dict[str, bytes | None], code: str) -> None:
    with pytest.raises(UserError) as error:
        read_archive(tampered(tmp_path, **changes), tmp_path / "out")
    assert error.value.code == code
    assert "b.penjing" in str(error.value)


@pytest.mark.parametrize("id", ["../../evil", "/etc/evil", "a/b", "", "x" * 81, "a\n"])
def test_that_the_id_of_a_run_is_never_a_path(tmp_path: Path, id: str) -> None:
    entry = json.loads(encode(PROJECT)["history.json"])
    entry["runs"][0]["id"] = id
    path = tampered(tmp_path, history=json.dumps(entry).encode())
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(f"runs/{id}/run.json", "{}")
    with pytest.raises(UserError) as error:
        read_archive(path, tmp_path / "out" / "deep")
    assert error.value.code == "project.damaged"
    assert not list(tmp_path.rglob("evil*"))


def test_that_members_that_nobody_expects_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.penjing"
    write_archive(path, PROJECT, {})
    with zipfile.ZipFile(path, "a") as file:
        for name in ("../evil", "/evil", "runs/../../evil", "runs/other/run.json", "runs/distill-01/evil"):
            file.writestr(name, "evil")
    assert read_archive(path, tmp_path / "out") == PROJECT
    assert not (tmp_path / "out").exists()


def test_that_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)
    path = tmp_path / "c.penjing"
    write_archive(path, PROJECT, {})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("runs/distill-01/model.penjingnet", b"\0" * (2 << 20))
    with pytest.raises(UserError) as error:
        read_archive(path, tmp_path / "out")
    assert error.value.code == "project.too_big"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 100])
def test_that_what_is_no_zip_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.penjing"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_archive(path, tmp_path / "out")
    assert error.value.code == "project.damaged"


def test_that_a_file_cut_short_anywhere_is_told(tmp_path: Path, run_folder: Path) -> None:
    path = tmp_path / "a.penjing"
    write_archive(path, PROJECT, {"distill-01": run_folder})
    whole = path.read_bytes()
    for end in range(0, len(whole), 97):
        path.write_bytes(whole[:end])
        with pytest.raises(UserError):
            read_archive(path, tmp_path / "out")


def test_that_an_original_is_known_again_where_it_has_moved(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"network")
    known = original(str(path))
    assert known.sha256 == "3009be769fb8f956e8413ee9f3e0836e34968bc40457d0a10c549d2edcf00cc1"
    moved = path.rename(tmp_path / "b.onnx")
    assert not same(known)
    assert same(known, moved)
    moved.write_bytes(b"another")
    assert not same(known, moved)


def test_that_samples_need_no_hash() -> None:
    assert original("sample:watch") == Original(path="sample:watch")
