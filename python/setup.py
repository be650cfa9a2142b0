"""Puts libddoq.so into the wheel, which is therefore for one platform, and for any Python 3.

The library is the file that DDOQ_LIBRARY names, else what `dotnet publish native/Ddoq.CApi` left in artifacts/libddoq.
"""
import os
import pathlib
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution
from wheel.bdist_wheel import bdist_wheel

PUBLISHED = pathlib.Path(__file__).resolve().parent.parent / "artifacts" / "libddoq" / "libddoq.so"


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        library = pathlib.Path(os.environ.get("DDOQ_LIBRARY", PUBLISHED))
        if not library.is_file():
            raise SystemExit(
                f"error: '{library}' does not exist\n"
                "hint: dotnet publish native/Ddoq.CApi -c Release -r linux-x64 -o artifacts/libddoq")
        shutil.copy2(library, pathlib.Path(self.build_lib) / "ddoq" / "libddoq.so")


class BinaryDistribution(Distribution):
    def has_ext_modules(self):
        return True


class PlatformWheel(bdist_wheel):
    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


setup(distclass=BinaryDistribution, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
