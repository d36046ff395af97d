"""Builds the optional compiled kernel; without a C compiler or Cython the pure-Python twin is used instead."""

from __future__ import annotations

from pathlib import Path

from setuptools import Extension, setup

SOURCES = sorted(Path("src").rglob("*.pyx"))


def extensions() -> list[Extension]:
    """One extension per .pyx file; `optional` turns a failed build into a warning."""
    found = [
        Extension(
            ".".join(path.with_suffix("").parts[1:]),
            [str(path)],
            extra_compile_args=["-O3", "-fno-strict-aliasing", "-ffp-contract=off"],
        )
        for path in SOURCES
    ]
    if not found:
        return []
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - absent where only the pure kernel is wanted
    except ImportError:
        return []
    translated: list[Extension] = cythonize(found, language_level=3, quiet=True)
    for extension in translated:  # cythonize makes new ones, and forgets this
        extension.optional = True
    return translated


setup(ext_modules=extensions())
