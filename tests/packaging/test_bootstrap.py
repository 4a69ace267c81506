"""The two set-up commands, in a checkout of their own that has a Python environment but nothing to install from."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """bootstrap.py of a copied checkout whose installation steps are only written down, in `bootstrap.steps`."""
    for name in ("packaging/bootstrap.py", "packaging/constraints.txt", "pyproject.toml"):
        copy = tmp_path / "pen jing" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    spec = importlib.util.spec_from_file_location("bootstrap", tmp_path / "pen jing" / "packaging" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    steps: list[str] = []
    monkeypatch.setattr(module, "steps", steps, raising=False)
    monkeypatch.setattr(
        module, "install_python_packages", lambda extras: steps.append(f"pip {' '.join(extras)}".strip())
    )
    monkeypatch.setattr(module, "missing_system_packages", lambda names: [])
    monkeypatch.setattr(module, "apt_get", lambda *arguments: steps.append(f"apt-get {' '.join(arguments)}") or 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(module, "opens_windows", lambda: False)
    return module


@pytest.fixture
def environment(bootstrap: ModuleType) -> Path:
    """A `.venv` that sees the packages of the one that runs the tests, pip and pytest among them."""
    create = [sys.executable, "-m", "venv", "--without-pip", str(bootstrap.ENVIRONMENT)]
    subprocess.run(create, check=True, timeout=60)
    (packages,) = bootstrap.ENVIRONMENT.glob("lib/python*/site-packages")
    here = importlib.util.find_spec("pytest")
    assert here is not None
    assert here.origin is not None
    (packages / "here.pth").write_text(str(Path(here.origin).parents[1]))
    return Path(bootstrap.ENVIRONMENT)


@pytest.fixture
def product(bootstrap: ModuleType) -> Path:
    """A stand-in for `python -m penjing` that writes down how it was called and exits with 3."""
    package = bootstrap.ROOT / "penjing"
    package.mkdir()
    report = bootstrap.ROOT / "called"
    (package / "__main__.py").write_text(
        "import os, sys\n"
        f"print(os.getcwd(), *sys.argv[1:], os.environ['PENJING_HOME'], sep='\\n', file=open({str(report)!r}, 'w'))\n"
        "sys.exit(3)\n"
    )
    return Path(report)


def test_that_only_the_standard_library_is_imported() -> None:
    tree = ast.parse((ROOT / "packaging" / "bootstrap.py").read_text("utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run", "fast"]])
def test_that_misuse_is_told_in_one_line(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "packaging" / "bootstrap.py"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"usage: .*run.*test.*\n", done.stderr)


def test_that_run_does_the_job_in_the_checkout_and_hands_its_exit_code_on(
    bootstrap: ModuleType, environment: Path, product: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PENJING_HOME")
    assert bootstrap.main(["run"]) == 3
    root = bootstrap.ROOT
    assert product.read_text().splitlines() == [
        str(root),
        "first-run",
        "-o",
        str(root / "penjing-first-run"),
        str(root / ".venv" / "penjing-home"),
    ]


@pytest.mark.usefixtures("environment")
def test_that_on_a_screen_run_opens_the_window_on_the_sample(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = bootstrap.ROOT / "penjing_gui" / "__main__.py"
    window.parent.mkdir()
    window.write_text("import sys; print(*sys.argv[1:], file=open('opened', 'w')); sys.exit(5)")
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setattr(bootstrap, "opens_windows", lambda: True)
    assert bootstrap.main(["run"]) == 5
    assert (bootstrap.ROOT / "opened").read_text() == "gui sample:watch\n"


@pytest.mark.usefixtures("environment", "product")
def test_that_a_screen_that_shows_no_window_still_gets_the_job_done(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISPLAY", ":99")
    assert bootstrap.main(["run"]) == 3
    assert "No window can be opened" in capfd.readouterr().out


@pytest.mark.usefixtures("environment")
def test_that_an_interrupted_job_may_clean_up(bootstrap: ModuleType) -> None:
    job = bootstrap.ROOT / "penjing" / "__main__.py"
    job.parent.mkdir()
    job.write_text(
        "import os, pathlib, signal, sys, time\n"
        "try:\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    signal.pause()\n"
        "except KeyboardInterrupt:\n"
        "    time.sleep(0.6)  # longer than subprocess waits before it kills\n"
        "    pathlib.Path('cleaned').touch()\n"
        "    sys.exit(130)\n"
    )
    bootstrap.STAMP.write_text(f"{bootstrap.fingerprint()} search")
    # In a session of its own, as in a terminal, where Ctrl+C reaches everything in the foreground.
    command = [sys.executable, bootstrap.__file__, "run"]
    done = subprocess.run(command, start_new_session=True, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "")
    assert (bootstrap.ROOT / "cleaned").exists()


@pytest.mark.usefixtures("environment", "product")
def test_that_the_second_run_installs_nothing(bootstrap: ModuleType) -> None:
    bootstrap.main(["run"])
    bootstrap.main(["run"])
    assert bootstrap.steps == ["pip search"]


@pytest.mark.usefixtures("environment", "product")
def test_that_run_after_test_installs_nothing_but_test_after_run_does(bootstrap: ModuleType) -> None:
    bootstrap.main(["run"])
    bootstrap.main(["test", "--version"])
    bootstrap.main(["run"])
    bootstrap.main(["test", "--version"])
    assert bootstrap.steps == ["pip search", "pip dev search cluster"]


@pytest.mark.usefixtures("environment", "product")
@pytest.mark.parametrize("changed", ["packaging/constraints.txt", "pyproject.toml"])
def test_that_changed_pins_are_installed(bootstrap: ModuleType, changed: str) -> None:
    bootstrap.main(["run"])
    with (bootstrap.ROOT / changed).open("a") as file:
        file.write("\n# changed\n")
    bootstrap.main(["run"])
    assert bootstrap.steps == ["pip search", "pip search"]


@pytest.mark.usefixtures("environment", "product")
def test_that_a_failed_installation_is_tried_again(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bootstrap.main(["run"])
    (bootstrap.ROOT / "pyproject.toml").write_text("# changed\n")

    def fail(extras: tuple[str, ...]) -> None:
        raise bootstrap.SetUpError("installing failed")

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "install_python_packages", fail)
        capfd.readouterr()
        assert bootstrap.main(["run"]) == 1
        assert capfd.readouterr().err == "bootstrap: installing failed\n"
    bootstrap.main(["run"])
    assert bootstrap.steps == ["pip search", "pip search"]


@pytest.mark.usefixtures("environment")
def test_that_test_hands_its_arguments_to_pytest(bootstrap: ModuleType) -> None:
    tests = bootstrap.ROOT / "tests"
    tests.mkdir()
    (tests / "test_one.py").write_text("def test_wanted(): pass\ndef test_other(): assert False\n")
    alone = ["-c", os.devnull, "--rootdir", str(tests), "-p", "no:cacheprovider", str(tests)]
    assert bootstrap.main(["test", "-k", "wanted", *alone]) == 0
    assert bootstrap.main(["test", *alone]) == 1


@pytest.mark.usefixtures("environment", "product")
def test_that_without_a_display_run_asks_for_no_system_package(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "missing_system_packages", list)
    assert bootstrap.main(["run"]) == 3
    assert bootstrap.steps == ["pip search"]


@pytest.mark.usefixtures("environment", "product")
def test_that_root_gets_the_missing_system_packages(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "missing_system_packages", lambda names: [n for n in names if n == "libegl1"])
    monkeypatch.setenv("DISPLAY", ":99")
    assert bootstrap.main(["run"]) == 3
    install = "apt-get install --yes --no-install-recommends libegl1"
    assert bootstrap.steps == ["apt-get update", install, "pip search"]


@pytest.mark.usefixtures("environment", "product")
def test_that_a_user_is_told_what_to_install_and_only_test_needs_it(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(bootstrap, "missing_system_packages", lambda names: [n for n in names if n == "libegl1"])
    monkeypatch.setenv("DISPLAY", ":99")
    line = "apt-get install --yes --no-install-recommends libegl1\n"
    assert bootstrap.main(["run"]) == 3
    assert line in capfd.readouterr().out
    assert bootstrap.main(["test"]) == 1
    assert capfd.readouterr().err.endswith(line)
    assert bootstrap.steps == ["pip search"]


def test_that_a_checkout_that_cannot_be_written_is_told_in_one_line(
    bootstrap: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    # A file where the environment's folder should be refuses root too.
    bootstrap.ENVIRONMENT.write_text("")
    assert bootstrap.main(["run"]) == 1
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert str(bootstrap.ENVIRONMENT) in error


def test_that_an_environment_whose_python_is_gone_is_made_again(
    bootstrap: ModuleType, environment: Path, product: Path
) -> None:
    bootstrap.main(["run"])
    bootstrap.PYTHON.unlink()
    assert bootstrap.main(["run"]) == 3
    assert bootstrap.steps == ["pip search", "pip search"]


def test_that_debian_without_python3_venv_is_filled_by_its_own_pip(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []
    monkeypatch.setattr(bootstrap, "has", lambda module: module == "pip")
    monkeypatch.setattr(bootstrap, "call", lambda command, doing: commands.append(" ".join(map(str, command))))
    bootstrap.make_environment()
    create, fill = commands
    assert create == f"{sys.executable} -m venv --clear --without-pip {bootstrap.ENVIRONMENT}"
    assert fill.startswith(f"{sys.executable} -m pip --python {bootstrap.PYTHON} install ")
    assert fill.endswith(f"--constraint {bootstrap.CONSTRAINTS} pip")


def test_that_python_without_venv_and_pip_gets_python3_venv(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(bootstrap, "has", lambda module: False)
    monkeypatch.setattr(bootstrap, "missing_system_packages", list)
    assert bootstrap.main(["run"]) == 1
    assert capfd.readouterr().err.endswith("apt-get install --yes --no-install-recommends python3-venv\n")


@pytest.mark.parametrize(("offered", "told"), [(True, False), (False, True)])
def test_that_a_cuda_build_is_announced_with_its_size(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    offered: bool,
    told: bool,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(bootstrap, "succeeds", lambda *command: asked.append(command[-1]) or offered)
    bootstrap.announce_torch(["pip", "install"])
    assert asked == ["torch==2.13.0+cpu"]
    assert ("2.7 GB" in capfd.readouterr().out) is told


def test_that_a_provided_system_package_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    query = tmp_path / "dpkg-query"
    query.write_text(
        "#!/bin/sh\necho 'ii |libglib2.0-0t64|libglib2.0-0 (= 2.80.0-6)'\necho 'ii |libegl1|'\necho 'rc |libgl1|'\n"
    )
    query.chmod(0o755)
    (tmp_path / "apt-get").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "packaging" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.missing_system_packages(["libegl1", "libgl1", "libglib2.0-0", "xvfb"]) == ["libgl1", "xvfb"]


def test_that_every_dependency_is_pinned_within_its_range() -> None:
    wrong = []
    for requirement in direct_requirements():
        pin = pins().get(canonicalize_name(requirement.name))
        if pin is None or not requirement.specifier.contains(pin):
            wrong.append(f"{requirement} against {pin}")
    assert wrong == []


def direct_requirements() -> Iterator[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for text in [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(text for extra in project["project"]["optional-dependencies"].values() for text in extra),
    ]:
        yield Requirement(text)


def pins() -> dict[str, str]:
    lines = (ROOT / "packaging" / "constraints.txt").read_text("utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}
