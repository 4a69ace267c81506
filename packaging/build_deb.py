"""Builds the wheel and the Debian package from it: `python packaging/build_deb.py [-o dist] [--bundle]`.

Without `--bundle` the package holds Penjing and a launcher whose first start makes an environment by the user's own pip
settings: a few megabytes, for every architecture. With it, the environment lies in the package: for machines without
a network, for this architecture and Python alone, about half a gigabyte.

The same commit gives the same bytes. It needs dpkg-deb and the environment that `bootstrap.py test` makes.
"""

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from bootstrap import QT_LIBRARIES

ROOT = Path(__file__).resolve().parents[1]
LINUX = ROOT / "packaging" / "linux"
SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
"""Of the icons as pixels, for desktops that read no SVG."""
PYTHON = "/usr/bin/python3"
"""The system's, whose environment a bundle is; the launcher runs in it."""
_DESCRIPTION = """\
 Sliders cut, quantize and teach a trained network while its sizes on a real
 device follow; what is exported is run again elsewhere and compared with the
 screen. The same work is done without a window by the command line.
 .
"""
_FIRST_START = """\
 The first start makes an environment with the libraries in the user's own
 folder, by the user's own pip settings.
"""
_BUNDLED = """\
 All libraries are in the package: it starts at once, without a network.
"""


def main(arguments: Sequence[str]) -> int:
    """Build both and tell where they lie."""
    parser = argparse.ArgumentParser(description="Build the wheel and the Debian package.")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist", help="the folder they go to (dist)")
    parser.add_argument("--bundle", action="store_true", help="put the whole environment into the package")
    given = parser.parse_args(arguments)
    for program in ("dpkg-deb", "dpkg"):
        if shutil.which(program) is None:
            print(f"build_deb: {program} is missing; it comes with Debian", file=sys.stderr)
            return 2
    os.umask(0o022)
    given.output.mkdir(parents=True, exist_ok=True)
    print(wheel := build_wheel(given.output), flush=True)
    print(build_deb(wheel, given.output, bundle=given.bundle))
    return 0


def build_wheel(output: Path) -> Path:
    """The wheel, by the project's own build tool."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(output.resolve())]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch())}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return output / f"penjing-{version()}-py3-none-any.whl"


def build_deb(wheel: Path, output: Path, *, bundle: bool) -> Path:
    """The package around a wheel."""
    architecture = _told(["dpkg", "--print-architecture"]) if bundle else "all"
    package = output / f"penjing{'-bundle' if bundle else ''}_{version()}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix="penjing-deb-") as folder:
        tree = Path(folder) / "penjing"
        _place_files(tree, wheel)
        if bundle:
            _place_environment(tree / "usr/lib/penjing", wheel)
        _place_control(tree, architecture, bundle=bundle)
        _settle(tree)
        # xz takes a quarter of an hour for what a bundle holds, zstd a minute; Debian 12 reads both.
        packed = ["-Zzstd", "-z12"] if bundle else ["-Zxz"]
        command = ["dpkg-deb", "--root-owner-group", *packed, "--build", str(tree), str(package)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch())}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return package


def version() -> str:
    """Of the project."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def epoch() -> int:
    """The time that all files carry: SOURCE_DATE_EPOCH, else of the last commit, else a day long past."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    ask = ["git", "-c", f"safe.directory={ROOT}", "log", "-1", "--format=%ct"]
    done = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else 1577836800


def _place_files(tree: Path, wheel: Path) -> None:
    library, share = tree / "usr/lib/penjing", tree / "usr/share"
    _copy(LINUX / "penjing.sh", tree / "usr/bin/penjing")
    (tree / "usr/bin/penjing").chmod(0o755)
    for module in sorted((LINUX / "launcher").glob("*.py")):
        _copy(module, library / "launcher" / module.name)
    _copy(wheel, library / wheel.name)
    _copy(ROOT / "packaging/constraints.txt", library / "constraints.txt")
    parts = (wheel.read_bytes(), (ROOT / "packaging/constraints.txt").read_bytes())
    build = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:12]
    (library / "build").write_text(f"{version()}-{build}\n", "utf-8")
    _copy(LINUX / "penjing.desktop", share / "applications/penjing.desktop")
    _copy(LINUX / "penjing-mime.xml", share / "mime/packages/penjing.xml")
    metainfo = (LINUX / "penjing.metainfo.xml").read_text("utf-8")
    metainfo = metainfo.replace("@VERSION@", version()).replace("@DATE@", _date().strftime("%Y-%m-%d"))
    _write(share / "metainfo/io.github.penjing.Penjing.metainfo.xml", metainfo.encode())
    _place_icons(share / "icons/hicolor")
    _write(share / "man/man1/penjing.1.gz", _packed((LINUX / "penjing.1").read_bytes()))
    notes = share / "doc/penjing"
    _copy(LINUX / "copyright", notes / "copyright")
    _write(notes / "changelog.gz", _packed(_changelog().encode()))
    _write(notes / "NEWS.md.gz", _packed((ROOT / "CHANGELOG.md").read_bytes()))


def _place_icons(folder: Path) -> None:
    application = ROOT / "resources/icons/penjing.svg"
    for source, kind, name in (
        (application, "apps", "penjing"),
        (LINUX / "icons/penjing-file.svg", "mimetypes", "application-x-penjing"),
    ):
        _copy(source, folder / "scalable" / kind / f"{name}.svg")
        for size in SIZES:
            target = folder / f"{size}x{size}" / kind / f"{name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            _draw(source, size, target)


def _draw(source: Path, size: int, target: Path) -> None:
    """An SVG as pixels, by the renderer of the window itself."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(str(source)).render(painter)
    painter.end()
    if not image.save(str(target)):
        raise OSError(f"{target} was not written")


def _place_environment(library: Path, wheel: Path) -> None:
    """An environment of the system's Python, with everything in it and nothing of this machine's paths."""
    environment = library / "environment"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", "--symlinks", str(environment)], check=True)
    install = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), "install", "--no-input"]
    install += ["--no-compile", "--quiet", "--constraint", str(ROOT / "packaging/constraints.txt"), f"{wheel}[search]"]
    subprocess.run(install, check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    for unwanted in (*environment.glob("bin/*"), *site.glob("*.dist-info/direct_url.json")):
        if not unwanted.name.startswith("python"):
            unwanted.unlink()
    configuration = environment / "pyvenv.cfg"
    lines = configuration.read_text("utf-8").splitlines(keepends=True)
    configuration.write_text("".join(line for line in lines if not line.startswith("command")), "utf-8")
    for record in site.glob("*.dist-info/RECORD"):
        kept = [line for line in record.read_text("utf-8").splitlines(keepends=True) if not line.startswith("../")]
        record.write_text("".join(kept), "utf-8")
    # Root's folder, in which nobody writes bytecode later: without it every start would take seconds more.
    compiled = ["-m", "compileall", "-q", "-j", "0", "-s", str(library), "-p", "/usr/lib/penjing"]
    subprocess.run(
        [PYTHON, *compiled, "--invalidation-mode", "unchecked-hash", str(site)], check=False, stdout=subprocess.DEVNULL
    )
    (environment / "penjing-set-up").touch()


def _place_control(tree: Path, architecture: str, *, bundle: bool) -> None:
    needs = ["python3 (>= 3.11)", *(name for name in QT_LIBRARIES if name.startswith("lib"))]
    if bundle:
        minor = int(_told([PYTHON, "-c", "import sys; print(sys.version_info[1])"]))
        needs[0] = f"python3 (>= 3.{minor}), python3 (<< 3.{minor + 1})"
    else:
        needs[1:1] = ["python3-venv", "python3-tk"]
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in files]
    fields = {
        "Package": "penjing",
        "Version": version(),
        "Architecture": architecture,
        "Maintainer": _maintainer(),
        "Installed-Size": str(_kibibytes(tree)),
        "Depends": ", ".join(needs),
        "Recommends": "fonts-noto-cjk, gcc, libc6-dev",
        "Section": "science",
        "Priority": "optional",
        "Description": "fit neural networks into small devices, and prove it",
    }
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    text += _DESCRIPTION + (_BUNDLED if bundle else _FIRST_START)
    _write(tree / "DEBIAN/control", text.encode())
    _write(tree / "DEBIAN/md5sums", "".join(sums).encode())


def _settle(tree: Path) -> None:
    """Permissions that do not depend on who builds; times are those of the commit."""
    for path in [tree, *sorted(tree.rglob("*"))]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (epoch(), epoch()), follow_symlinks=False)


def _kibibytes(tree: Path) -> int:
    """As Debian counts: every file in whole KiB, every other entry as one."""
    return sum(
        -(-path.stat().st_size // 1024) if path.is_file() and not path.is_symlink() else 1 for path in tree.rglob("*")
    )


def _changelog() -> str:
    when = format_datetime(_date())
    return (
        f"penjing ({version()}) unstable; urgency=medium\n\n"
        "  * What changed is told in NEWS.md.gz beside this file.\n\n"
        f" -- {_maintainer()}  {when}\n"
    )


def _maintainer() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return f"{project['authors'][0]['name']} <developers@penjing.invalid>"


def _date() -> datetime:
    return datetime.fromtimestamp(epoch(), UTC)


def _packed(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _copy(source: Path, target: Path) -> None:
    _write(target, source.read_bytes())


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _told(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
