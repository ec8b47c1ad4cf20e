"""The launchers, the lock files and what must not stand in any file."""

from __future__ import annotations

import configparser
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import tacit

ROOT = Path(__file__).resolve().parent.parent
GROUND = ("tacit", "dev", "scripts/environment.sh", "scripts/environment.py", "requirements/runtime.txt")
WITHOUT_UV = os.pathsep.join(
    folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "uv").exists()
)
INSTALLED_S = 250
"""A deadline, not a pace: pip asks a far machine, and on this one others may be at work."""
TELLS = "import sys; print(sys.argv[1:], '' in sys.path)"

pytestmark = pytest.mark.timeout(600)


class Tree:
    """A small project: the real launchers, one real locked package, a command line that tells how it was run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in GROUND:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
        (root / "src" / "tacit" / "cli").mkdir(parents=True)
        (root / "src" / "tacit" / "__init__.py").touch()
        (root / "src" / "tacit" / "cli" / "__init__.py").touch()
        (root / "src" / "tacit" / "cli" / "__main__.py").write_text(TELLS)
        self.lock = root / "requirements" / "runtime.txt"
        self.lock_only("segno")

    def lock_only(self, *names: str) -> None:
        """Leave these packages in the lock file."""
        self.lock.write_text("".join(locked(ROOT / "requirements" / "runtime.txt")[name] for name in names))

    def start(self, *arguments: str, path: str = WITHOUT_UV, **options: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "tacit", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATH": path},
            **options,  # type: ignore[call-overload]
        )

    def run(self, *arguments: str, path: str = WITHOUT_UV) -> tuple[int, str, str]:
        with self.start(*arguments, path=path) as process:
            out, err = process.communicate(timeout=INSTALLED_S)
        return process.returncode, out, err

    def imports(self, name: str) -> bool:
        python = self.root / ".venv" / "bin" / "python"
        return subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False).returncode == 0


def locked(path: Path) -> dict[str, str]:
    """Each package of a lock file with its own lines."""
    entries = re.split(r"^(?=\w)", path.read_text("utf-8"), flags=re.MULTILINE)
    return {re.split(r"==|\s", entry)[0]: entry for entry in entries if entry.strip()}


def of_children_s() -> float:
    """The processor's time for processes that have ended, which does not depend on what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.mark.processes
def test_the_first_start_says_what_it_does_and_later_ones_are_silent_and_quick(tree: Tree) -> None:
    code, out, err = tree.run("chat", "@bob", "two words")
    assert (code, out) == (0, "['chat', '@bob', 'two words'] False\n"), err
    assert re.search(r"making \.venv with Python 3\.\d+\.\d+", err)
    assert "installing 1 locked packages" in err
    assert tree.imports("segno")
    times = []
    for _ in range(3):
        began = of_children_s()
        assert tree.run() == (0, "[] False\n", "")
        times.append(of_children_s() - began)
    assert min(times) < 0.5

    # A changed lock file is installed, and only the difference.
    tree.lock_only("segno", "platformdirs")
    code, _, err = tree.run()
    assert code == 0
    assert "installing 2 locked packages" in err
    assert "making .venv" not in err
    assert tree.imports("platformdirs")

    # What an interrupted setup left behind is thrown away.
    (tree.root / ".venv" / "unfinished").touch()
    (tree.root / ".venv" / "runtime.lock").unlink()
    code, _, err = tree.run()
    assert code == 0
    assert "making .venv" in err
    assert not (tree.root / ".venv" / "unfinished").exists()

    # A moved project still finds its own source.
    moved = tree.root.with_name(tree.root.name + " moved")
    tree.root.rename(moved)
    told = subprocess.run(
        [moved / ".venv/bin/python", "-c", "import tacit; print(tacit.__file__)"], capture_output=True
    )
    assert told.stdout.decode().strip() == str(moved / "src/tacit/__init__.py")


@pytest.mark.processes
def test_one_who_may_not_write_there_is_told_what_its_owner_has_to_do(tree: Tree) -> None:
    """A relay's own user, in a folder of root's, whose Python is below /root. A folder in the way is as much in it."""
    (tree.root / ".venv.lock").mkdir()
    code, out, err = tree.run()
    assert (code, out, "Traceback" in err) == (1, "", False)
    assert f"may not write into {tree.root}" in " ".join(err.split())


@pytest.mark.processes
def test_two_first_starts_at_once_make_one_environment(tree: Tree) -> None:
    starts = [tree.start(), tree.start()]
    ends = [process.communicate(timeout=INSTALLED_S) for process in starts]
    assert [process.returncode for process in starts] == [0, 0], ends
    said = [err for _, err in ends]
    assert sum("making .venv" in err for err in said) == 1
    assert sum("waiting for it" in err for err in said) == 1
    assert [out for out, _ in ends] == ["[] False\n"] * 2


@pytest.mark.processes
def test_a_setup_that_was_killed_begins_again(tree: Tree) -> None:
    started = tree.start(start_new_session=True)
    assert started.stderr is not None
    while "installing" not in started.stderr.readline():
        assert started.poll() is None
    os.killpg(started.pid, signal.SIGKILL)
    started.communicate()
    assert not (tree.root / ".venv" / "runtime.lock").exists()
    code, out, err = tree.run()
    assert (code, out) == (0, "[] False\n"), err
    assert "making .venv" in err


@pytest.mark.processes
def test_uv_is_used_where_it_is(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv is not None, "the development lock holds uv"
    folder = tmp_path_factory.mktemp("bin")
    (folder / "uv").symlink_to(uv)
    code, out, err = tree.run(path=f"{folder}{os.pathsep}{WITHOUT_UV}")
    assert (code, out) == (0, "[] False\n"), err
    assert "and uv" in err
    assert tree.imports("segno")
    assert not tree.imports("pip")


@pytest.mark.processes
def test_a_package_with_another_hash_is_refused(tree: Tree) -> None:
    tree.lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", tree.lock.read_text()))
    code, out, err = tree.run()
    assert (code, out) == (1, "")
    assert "hash" in err.lower()
    assert not (tree.root / ".venv" / "runtime.lock").exists()


@pytest.mark.processes
def test_a_machine_without_a_new_python_is_told_what_to_install(tree: Tree, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "cat", "cmp", "readlink"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    python = folder / "python3"
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    python.chmod(0o755)
    code, out, err = tree.run(path=str(folder))
    assert (code, out) == (1, "")
    assert "needs Python 3.11 or newer; this machine has Python 3.9.2" in err
    assert "sudo apt install python3" in err


@pytest.mark.processes
def test_a_python_without_venv_is_told_which_package_to_install(tree: Tree, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name: None if name == 'ensurepip' else find(name)\n"
    )
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    code, out, err = tree.run(path=f"{folder}{os.pathsep}{WITHOUT_UV}")
    assert (code, out) == (1, "")
    assert "module ensurepip is missing" in err
    assert "sudo apt install python3-venv" in err


@pytest.mark.processes
def test_a_fresh_copy_of_the_project_starts(tmp_path: Path) -> None:
    """The whole project as git has it, without what lies around in the folder, with the real dependencies."""
    for name in tracked():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    uv = Path(sys.executable).with_name("uv")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").symlink_to(uv)
    (tmp_path / "link").symlink_to("tacit")
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "click.py").write_text("raise SystemExit('code of the folder that a person stands in was run')")
    times = []
    for _ in range(3):
        began = of_children_s()
        done = subprocess.run(
            [tmp_path / "link", "--version"], cwd=elsewhere, env=environment, capture_output=True, text=True
        )
        times.append(of_children_s() - began)
        assert done.returncode == 0, done.stderr
        assert tacit.__version__ in done.stdout
    assert done.stderr == ""
    assert min(times) < 1


def test_dev_knows_its_verbs_and_no_others() -> None:
    for arguments, code in ((["nonsense"], 2), ([], 2), (["help"], 0), (["--help"], 0)):
        done = subprocess.run([ROOT / "dev", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert "usage: ./dev VERB" in (done.stdout if code == 0 else done.stderr)
        assert bool(done.stdout) is (code == 0)


@pytest.mark.parametrize("script", ["tacit", "dev", ".ci/run", "scripts/environment.sh"])
def test_every_script_can_be_read_by_its_shell(script: str) -> None:
    first = (ROOT / script).read_text("utf-8").splitlines()[0]
    shell = "bash" if "bash" in first else "sh"
    assert subprocess.run([shell, "-n", ROOT / script], check=False).returncode == 0
    assert os.access(ROOT / script, os.X_OK) is first.startswith("#!")


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_every_locked_package_has_a_version_and_hashes(name: str) -> None:
    entries = locked(ROOT / "requirements" / f"{name}.txt")
    assert len(entries) > 20
    for package, entry in entries.items():
        assert re.match(rf"{package}==[\w.]+( ;|\s)", entry), package
        assert "--hash=sha256:" in entry, package


def test_the_development_lock_holds_the_runtime_lock() -> None:
    runtime, dev = (
        {name: re.findall(r"==\S+|sha256:\w+", entry) for name, entry in locked(ROOT / "requirements" / lock).items()}
        for lock in ("runtime.txt", "dev.txt")
    )
    assert {name: dev.get(name) for name in runtime} == runtime


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for wanted, name in (
        (project["project"]["dependencies"], "runtime"),
        (project["dependency-groups"]["dev"], "dev"),
    ):
        packages = {re.split(r"[\[><=; ]", line)[0].replace("_", "-") for line in wanted}
        assert packages <= locked(ROOT / "requirements" / f"{name}.txt").keys()


def test_the_licence_is_the_whole_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_no_file_names_a_package_registry_or_the_place_where_it_was_written() -> None:
    words = ["pypi" + ".org", "python" + "hosted.org", "/wor" + "k/", "/op" + "t/py" + "pi", "/tm" + "p/w/", *mirrors()]
    found = [
        f"{name}: {word}"
        for name in tracked()
        for word in words
        if word in (ROOT / name).read_bytes().decode("utf-8", "replace")
    ]
    assert found == []


def tracked() -> Iterator[str]:
    """The files of the project, without vectors and pictures that others made."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return (name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def mirrors() -> set[str]:
    """Hosts that this machine's installers are set up to ask."""
    settings = [
        os.environ.get(name, "") for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_INDEX")
    ]
    for path in (Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf"):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(path)
        settings += [value for section in parser.values() for key, value in section.items() if "index-url" in key]
    return {host for line in settings for url in line.split() if (host := urlsplit(url).hostname)}
