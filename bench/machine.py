"""Which machine the figures are from."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import tacit


def machine() -> dict[str, str]:
    """Processor, cores, system and the versions that matter."""
    from cryptography.hazmat.backends.openssl import backend

    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "tacit": tacit.__version__,
        "cryptography": f"{version('cryptography')} ({backend.openssl_version_text()})",
        "TLS": ssl.OPENSSL_VERSION,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
    return platform.processor() or platform.machine()
