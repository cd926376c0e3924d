"""Building and loading the extension: what is packaged, and what a user reads when something is missing or stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

import pyscore
from pyscore import _extension
from pyscore._extension import _C, complaint
from pyscore._sources import source_hash
from tests.paths import ROOT

SITE_PACKAGES = Path(pytest.__file__).parent.parent


def run(*command: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A Python command without site's hooks, so that an editable pyscore can't serve what a folder lacks."""
    path = os.pathsep.join([*(env or {}).get("PYTHONPATH", "").split(os.pathsep), str(SITE_PACKAGES)]).lstrip(
        os.pathsep
    )
    environment = {**os.environ, **(env or {}), "PYTHONPATH": path}
    return subprocess.run([sys.executable, "-S", *command], cwd=cwd, env=environment, capture_output=True, text=True)


def build(*command: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> None:
    done = run("setup.py", "-q", *command, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the Python and C++ sources without a compiled extension."""
    shutil.copytree(
        ROOT / "pyscore", tmp_path / "checkout/pyscore", ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    shutil.copytree(ROOT / "csrc", tmp_path / "checkout/csrc")
    return tmp_path / "checkout"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build("egg_info", "--egg-base", str(folder), "build", "--build-base", str(folder / "build"),
          "bdist_wheel", "--bdist-dir", str(folder / "bdist"), "--dist-dir", str(folder))  # fmt: skip
    return next(folder.glob("*.whl"))


def test_a_missing_extension_is_one_line_that_says_what_to_do(checkout: Path) -> None:
    done = run("-c", "import pyscore", cwd=checkout)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: pyscore's compiled extension is missing: rebuild it with `pip install -e .`")


def test_an_extension_of_other_sources_is_one_line_that_says_what_to_do(checkout: Path) -> None:
    shutil.copy(str(_C.__file__), checkout / "pyscore")
    assert run("-c", "import pyscore", cwd=checkout).returncode == 0
    with (checkout / "csrc/module.cpp").open("a") as module:
        module.write("// changed\n")
    last = run("-c", "import pyscore", cwd=checkout).stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: pyscore's compiled extension is stale: ")
    assert "was built from other sources than" in last


def test_an_extension_that_can_not_be_loaded_says_why(checkout: Path) -> None:
    (checkout / "pyscore" / Path(str(_C.__file__)).name).write_bytes(b"not a library")
    last = run("-c", "import pyscore", cwd=checkout).stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: pyscore's compiled extension can't be loaded (")


def test_an_extension_of_another_version_is_stale_also_without_sources_beside_it(tmp_path: Path) -> None:
    module = ModuleType("_C")
    module.__dict__.update(__version__="0.0.0", source_hash=_C.source_hash, __file__="_C.so")
    assert f"_C.so is of version 0.0.0, the package of {pyscore.__version__}" in str(complaint(module, tmp_path))
    module.__dict__.update(__version__=pyscore.__version__)
    assert complaint(module, tmp_path) is None
    assert complaint(_extension.load(), ROOT / "pyscore") is None


def test_the_hash_of_sources_sees_names_and_contents_but_not_line_endings(tmp_path: Path) -> None:
    folders = {
        "plain": ("a.cpp", b"x\ny\n"),
        "crlf": ("a.cpp", b"x\r\ny\r\n"),
        "other": ("a.cpp", b"x\nz\n"),
        "moved": ("b.cpp", b"x\ny\n"),
    }
    hashes = {}
    for folder, (name, content) in folders.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(content)
        (tmp_path / folder / "notes.txt").write_text(folder)
        hashes[folder] = source_hash(tmp_path / folder)
    assert hashes["plain"] == hashes["crlf"]
    assert len(set(hashes.values())) == 3


def test_without_a_compiler_the_build_says_what_to_install(tmp_path: Path) -> None:
    nowhere = {"CC": "/nonexistent/cc", "CXX": "/nonexistent/c++"}
    done = run("setup.py", "-q", "build_ext", "--build-lib", str(tmp_path), cwd=ROOT, env=nowhere)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("pyscore needs a C++17 compiler")
    assert "install g++" in last


def test_a_source_distribution_holds_everything_that_a_build_needs(tmp_path: Path) -> None:
    build("egg_info", "--egg-base", str(tmp_path), "sdist", "--dist-dir", str(tmp_path))
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = next(tmp_path.glob("pyscore_engine-*/"))
    assert source_hash(unpacked / "csrc") == source_hash(ROOT / "csrc")
    for ours, packed in (("kernels", "pyscore/kernels"), ("pyscore", "pyscore")):
        sources = {path.relative_to(ROOT / ours) for path in (ROOT / ours).rglob("*.py")}
        found = {path.relative_to(unpacked / packed) for path in (unpacked / packed).rglob("*.py")}
        assert {path for path in found if packed != "pyscore" or path.parts[0] != "kernels"} == sources
    for name in ("LICENSE", "pyproject.toml", "setup.py", "pyscore/_C.pyi", "pyscore/py.typed"):
        assert (unpacked / name).is_file(), name
    assert list((unpacked / "pyscore/tasks/sample").glob("*.jsonl"))
    build("egg_info", cwd=unpacked)


def test_a_wheel_holds_the_extension_the_kernels_and_no_sources(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for path in (ROOT / "kernels").glob("*.py"):
        assert f"pyscore/kernels/{path.name}" in names
    for name in ("pyscore/_C.pyi", "pyscore/py.typed", "pyscore/ops/cpu.py", "pyscore/kernels/configs.json"):
        assert name in names
    assert any(name.startswith("pyscore/_C.") and name.endswith((".so", ".pyd")) for name in names)
    assert any(name.startswith("pyscore/tasks/sample/") for name in names)
    assert not [name for name in names if name.startswith(("csrc", "kernels", "tests")) or name.endswith(".cpp")]


def test_an_installed_wheel_works_inside_and_outside_of_a_checkout(wheel: Path, checkout: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    program = "import pyscore._extension as e, pyscore.kernels.configs as k; print(e._C.__file__, k.__file__)"
    for folder, package in ((tmp_path, site), (checkout, checkout)):
        done = run("-c", program, cwd=folder, env={"PYTHONPATH": str(site)})
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [
            str(next(site.glob("pyscore/_C.*.so"))),
            str(package / "pyscore/kernels/configs.py"),
        ]
