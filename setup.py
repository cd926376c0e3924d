"""Builds pyscore._C from csrc/; the metadata lies in pyproject.toml.

PYSCORE_DEBUG=1 builds without optimisation and with symbols, PYSCORE_SANITIZE=1 with AddressSanitizer and UBSan.
"""

from __future__ import annotations

import hashlib
import os
import runpy
import sys
import tempfile
from pathlib import Path

import pybind11
from pybind11.setup_helpers import ParallelCompile
from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, ExecError

CSRC = Path("csrc")
VERSION: str = runpy.run_path("pyscore/_version.py")["__version__"]
SOURCE_HASH: str = runpy.run_path("pyscore/_sources.py")["source_hash"](CSRC)

DEBUG = os.environ.get("PYSCORE_DEBUG", "") not in ("", "0")
SANITIZE = os.environ.get("PYSCORE_SANITIZE", "") not in ("", "0")
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
FLAGS = [
    "-std=c++17",
    *(["-O0", "-g"] if DEBUG else ["-O1", "-g1"] if SANITIZE else ["-O3", "-g0"]),
    *(SANITIZERS if SANITIZE else []),
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-fno-trapping-math",
    # a product and a sum fuse only where the code says so: else a row's bits would depend on the code around it
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    "-Wno-psabi",
    "-Wno-unknown-warning-option",  # clang does not know the last one
    "-Wno-uninitialized",  # in GCC's own AVX-512 headers
    "-Wno-maybe-uninitialized",
]
NEEDS_COMPILER = (
    "pyscore needs a C++17 compiler with GNU vector extensions to build its CPU kernels: install g++ (9 or newer) or "
    "clang++ (10 or newer), for example with `apt install g++`, or name one in CXX and CC"
)


class BuildExtension(build_ext):
    """Compiles in parallel, only what changed, and says plainly when there is no compiler."""

    def build_extensions(self) -> None:
        self.require_compiler()
        # objects stay, also between editable installs, which would compile in a fresh folder; those of another
        # compiler, Python, pybind11 or other flags lie elsewhere
        kind = [FLAGS, pybind11.__version__, sys.version, self.compiler.compiler_so]
        self.build_temp = str(Path("build", "objects", hashlib.sha256(repr(kind).encode()).hexdigest()[:8]))
        with ParallelCompile("PYSCORE_BUILD_JOBS", default=2, needs_recompile=needs_recompile):
            super().build_extensions()

    def require_compiler(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            probe = Path(folder) / "probe.cpp"
            probe.write_text("#include <optional>\nstd::optional<int> i;\n")
            try:
                self.compiler.compile([str(probe)], output_dir=folder, extra_postargs=["-std=c++17"])
            except (CompileError, ExecError, OSError) as error:
                raise SystemExit(f"{NEEDS_COMPILER} ({error})") from None


def needs_recompile(target: str, source: str) -> bool:
    """Whether an object is older than what it includes, or holds the version and the hash of the sources."""
    included = [*CSRC.rglob("*.hpp"), *(CSRC.rglob("*.inl") if "variants" in Path(source).parts else [])]
    newest = max(path.stat().st_mtime for path in (Path(source), *included))
    return Path(source).name == "module.cpp" or not os.path.exists(target) or os.stat(target).st_mtime < newest


setup(
    # pyscore/kernels is a link to kernels/, which has no __init__.py (CONTRIBUTING says why) and so is not found
    packages=[*find_packages(include=["pyscore", "pyscore.*"]), "pyscore.kernels"],
    ext_modules=[
        Extension(
            "pyscore._C",
            sources=sorted(str(path) for path in CSRC.rglob("*.cpp")),
            depends=sorted(str(path) for path in CSRC.rglob("*") if path.suffix in {".hpp", ".inl"}),
            include_dirs=[pybind11.get_include()],
            define_macros=[
                ("PYSCORE_VERSION", f'"{VERSION}"'),
                ("PYSCORE_SOURCE_HASH", f'"{SOURCE_HASH}"'),
            ],
            extra_compile_args=FLAGS,
            extra_link_args=[
                "-pthread",
                *(["-ldl"] if sys.platform == "linux" else []),
                *(SANITIZERS if SANITIZE else []),
            ],
            language="c++",
        )
    ],
    cmdclass={"build_ext": BuildExtension},
)
