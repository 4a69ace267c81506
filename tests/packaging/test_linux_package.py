"""The wheel and the Debian package: what is in them, and that they start where they are unpacked."""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from penjing.plan import Plan
from penjing.project.archive import write_archive
from penjing.project.values import Original, Project
from tests.support import desktop_session

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "packaging/linux/launcher"
SYSTEM_PYTHON = "/usr/bin/python3"
TYPES = ("application/x-penjing", "application/x-penjing-network", "application/x-penjing-lesson+json")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both."""
    need("dpkg-deb")
    folder = tmp_path_factory.mktemp("built")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def deb(built: Path) -> Path:
    (found,) = built.glob("penjing_*_all.deb")
    return found


@pytest.fixture(scope="module")
def root(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is unpacked."""
    folder = tmp_path_factory.mktemp("root")
    subprocess.run(["dpkg-deb", "--extract", str(deb), str(folder)], check=True)
    return folder


def test_that_the_same_commit_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    build(tmp_path)
    names = sorted(path.name for path in built.iterdir())
    assert len(names) == 2 and names == sorted(path.name for path in tmp_path.iterdir())
    for name in names:
        assert (built / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_that_the_package_says_what_it_needs_and_how_large_it_is(deb: Path, root: Path) -> None:
    told = dict(line.split(": ", 1) for line in field(deb).splitlines() if re.match(r"[A-Z][A-Za-z-]+: ", line))
    assert (told["Package"], told["Architecture"], told["Section"]) == ("penjing", "all", "science")
    assert {"python3 (>= 3.11)", "python3-venv", "libegl1", "libxcb-cursor0"} <= set(told["Depends"].split(", "))
    kibibytes = sum(
        -(-path.stat().st_size // 1024) if path.is_file() else 1 for path in root.rglob("*") if not path.is_symlink()
    )
    assert int(told["Installed-Size"]) == kibibytes


def test_that_everything_belongs_to_root_and_only_programs_run(deb: Path) -> None:
    listing = subprocess.run(["dpkg-deb", "--contents", str(deb)], capture_output=True, text=True, check=True).stdout
    runs = []
    for line in listing.splitlines():
        mode, owner, *_, path = line.split()
        assert owner == "root/root", line
        assert mode in ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"), line
        if mode == "-rwxr-xr-x":
            runs.append(path)
    assert runs == ["./usr/bin/penjing"]


def test_that_the_sums_are_those_of_the_files(deb: Path, root: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "--control", str(deb), str(tmp_path)], check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"control", "md5sums"}  # no script runs as root
    lines = (tmp_path / "md5sums").read_text().splitlines()
    told = {name: value for value, name in (line.split("  ", 1) for line in lines)}
    files = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    assert told == {name: hashlib.md5(path.read_bytes()).hexdigest() for name, path in files.items()}


def test_that_the_desktop_entry_opens_files(root: Path) -> None:
    entry = root / "usr/share/applications/penjing.desktop"
    text = entry.read_text("utf-8")
    assert re.search(r"^Exec=penjing gui %f$", text, re.MULTILINE)
    types = re.search(r"^MimeType=(.*)$", text, re.MULTILINE)
    assert types is not None and set(TYPES) <= set(types[1].split(";"))
    need("desktop-file-validate")
    done = subprocess.run(["desktop-file-validate", str(entry)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_that_software_centres_understand_the_description(root: Path) -> None:
    (metainfo,) = root.glob("usr/share/metainfo/*.xml")
    told = ElementTree.parse(metainfo).getroot()
    assert told.findtext("launchable") == "penjing.desktop"
    assert {one.text for one in told.iter("mediatype")} >= set(TYPES)
    need("appstreamcli")
    command = ["appstreamcli", "validate", "--no-net", str(metainfo)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert not re.search(r"^\s*[EW]:", done.stdout, re.MULTILINE), done.stdout


def test_that_the_desktop_knows_the_files_by_their_names(root: Path, tmp_path: Path) -> None:
    need("update-mime-database")
    mime = tmp_path / "mime"
    shutil.copytree(root / "usr/share/mime", mime)
    environment = {**os.environ, "XDG_DATA_DIRS": str(tmp_path)}
    done = subprocess.run(
        ["update-mime-database", str(mime)], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    globs = dict(line.split(":")[1:] for line in (mime / "globs2").read_text().splitlines() if line[0] != "#")
    assert globs.items() >= {
        (TYPES[0], "*.penjing"),
        (TYPES[1], "*.penjingnet"),
        (TYPES[2], "*.penjinglesson"),
        ("application/x-penjing-device+toml", "*.penjingdevice"),
    }


def test_that_icons_have_the_sizes_of_their_folders(root: Path) -> None:
    icons = root / "usr/share/icons/hicolor"
    drawn = sorted(icons.glob("*x*/*/*.png"))
    assert len(drawn) == 16
    for path in drawn:
        size = int(path.parts[-3].split("x")[0])
        header = path.read_bytes()[:24]
        assert header[:8] == b"\x89PNG\r\n\x1a\n"
        assert (int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")) == (size, size), path
    for name in ("apps/penjing.svg", "mimetypes/application-x-penjing.svg"):
        assert ElementTree.parse(icons / "scalable" / name).getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("  Downloading torch-2.9.0-cp311-none-linux_x86_64.whl.metadata (30 kB)", "Downloading torch (30 kB)"),
        ("Processing /usr/lib/penjing/penjing-0.1.0-py3-none-any.whl", "Taking penjing"),
        ("Installing collected packages: a, b, c", "Installing 3 packages (a minute or two)"),
        (
            "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'NewConnectionError'",
            "No answer from pip's index yet; it is asked again",
        ),
        ("Collecting numpy", ""),
    ],
)
def test_that_the_first_start_tells_what_pip_does(line: str, step: str) -> None:
    program = f"import sys; sys.path.insert(0, {str(LAUNCHER)!r}); import environment; "
    program += f"print(environment.step_of({line!r}))"
    command, quiet_words = [sys.executable, "-I", "-c", program], {**os.environ, "LANG": "C.UTF-8"}
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        quiet_words.pop(name, None)
    done = subprocess.run(command, env=quiet_words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == step


def test_that_a_first_start_that_cannot_install_says_why_and_leaves_nothing(root: Path, tmp_path: Path) -> None:
    need_environment()
    home = tmp_path / "home"
    environment = {**quiet(home), "PIP_NO_INDEX": "1", "LANG": "zh_CN.UTF-8"}
    command = [str(root / "usr/bin/penjing"), "samples"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(r"pip 找不到 [a-z]+==\d", done.stderr), done.stderr
    assert "网络是否可用" in done.stderr and str(home / "environments/set-up.log") in done.stderr
    assert not [path for path in (home / "environments").iterdir() if path.is_dir()]


def test_that_a_double_click_on_a_project_starts_the_unpacked_package(root: Path, tmp_path: Path) -> None:
    """First start, its question, a window with the project, and a second project in the same window."""
    need_environment()
    need("gio", "xdotool", "update-desktop-database", "update-mime-database")
    lacking = [*desktop_session.missing()]
    lacking += [name for name in ("pyatspi", "tkinter") if not imports(name)]
    if lacking and "CI" not in os.environ:
        pytest.skip(f"not on this machine: {', '.join(lacking)}")
    assert not lacking
    data = tmp_path / "data"
    shutil.copytree(root / "usr/share", data)
    subprocess.run(["update-mime-database", str(data / "mime")], check=True, capture_output=True)
    subprocess.run(["update-desktop-database", str(data / "applications")], check=True)
    projects = [tmp_path / name for name in ("first one.penjing", "other.penjing")]
    for path in projects:
        write_archive(path, Project(source=Original(path="sample:watch"), plan=Plan()), {})
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    site = Path(pytest.__file__).parents[1]
    for entry in site.iterdir():
        if "penjing" not in entry.name and entry.suffix != ".pth":
            (libraries / entry.name).symlink_to(entry)
    environment = {
        **quiet(tmp_path / "home"),
        # pip's own settings: everything but Penjing itself is there already.
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PYTHONPATH": str(libraries),
        "PATH": os.pathsep.join((str(root / "usr/bin"), os.environ["PATH"])),
        "XDG_DATA_DIRS": os.pathsep.join((str(data), "/usr/local/share", "/usr/share")),
        "XDG_DATA_HOME": str(tmp_path / "data-home"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "LANG": "C.UTF-8",
        "DBUS_SESSION_BUS_ADDRESS": "",
    }
    environment.pop("QT_QPA_PLATFORM", None)
    driver = [SYSTEM_PYTHON, str(ROOT / "tests/support/packaged.py"), *map(str, projects)]
    done = subprocess.run(
        desktop_session.command(driver), env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["first"].startswith("first one.penjing")
    assert found["second"].startswith("other.penjing")
    assert re.search(r"\d+\.\d+\.\d+", found["version"])
    (made,) = (path for path in (tmp_path / "home/environments").iterdir() if path.is_dir())
    assert stat.S_ISLNK((made / "bin/python").lstat().st_mode)
    # The wheel's own command, as pip installed it.
    command = [str(made / "bin/penjing"), "samples", "--json"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "watch" in {sample["name"] for sample in json.loads(told)["samples"]}


def build(folder: Path) -> None:
    command = [sys.executable, str(ROOT / "packaging/build_deb.py"), "-o", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def field(deb: Path) -> str:
    return subprocess.run(["dpkg-deb", "--field", str(deb)], capture_output=True, text=True, check=True).stdout


def quiet(home: Path) -> dict[str, str]:
    """The environment of a person who has a home of their own and no display."""
    unwanted = ("DISPLAY", "WAYLAND_DISPLAY", "LANGUAGE", "LC_ALL", "PYTHONPATH")
    return {
        **{name: value for name, value in os.environ.items() if name not in unwanted},
        "PENJING_HOME": str(home),
        "PIP_CACHE_DIR": str(home / "pip"),
    }


def imports(module: str) -> bool:
    return subprocess.run([SYSTEM_PYTHON, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def need(*programs: str) -> None:
    """On a bare machine a tool may be missing; in CI it has to be there."""
    lacking = [program for program in programs if shutil.which(program) is None]
    if lacking and "CI" not in os.environ:
        pytest.skip(f"not on this machine: {', '.join(lacking)} (packaging/bootstrap.py test installs them)")
    assert not lacking


def need_environment() -> None:
    """The system's Python makes environments, and reads the libraries that the tests run on."""
    same = f"{sys.version_info[0]}.{sys.version_info[1]}"
    asked = "import ensurepip, sys; print('.'.join(map(str, sys.version_info[:2])))"
    told = subprocess.run([SYSTEM_PYTHON, "-c", asked], capture_output=True, text=True, check=False).stdout.strip()
    if told != same:
        pytest.skip(f"the system's Python is {told or 'not there'}, the tests' {same}")
