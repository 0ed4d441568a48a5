"""The machine: the name of its processor, and how many cores and threads this process may use."""

import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

COMPUTED = "computed"
"""The attribute of a database that says what computed its numbers."""

# As the user has it: a Dask cluster of this machine later writes what its workers get into this process, too.
_OMP_NUM_THREADS = os.environ.get("OMP_NUM_THREADS", "")


def available_cores(root: str | Path = "/") -> int:
    """Return how many cores this process may use: its affinity, and no more than the quota of its container.

    Examples
    --------
    >>> 1 <= available_cores() <= os.cpu_count()
    True
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _quota(Path(root)))))


def _quota(root: Path) -> float:
    """Return the least number of cores that a control group of this process, or one above it, is held to."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return math.inf
    quotas = [math.inf]
    for line in lines:
        number, controllers, path = line.split(":", 2) if line.count(":") >= 2 else ("", "", "")
        mounts = ["sys/fs/cgroup", "sys/fs/cgroup/unified"] if number == "0" and not controllers else []
        if "cpu" in controllers.split(","):  # version 1
            mounts = [f"sys/fs/cgroup/{controllers}", "sys/fs/cgroup/cpu"]
        # Within a container the path may be that of the host, while the mount starts at the group itself.
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for mount in mounts:
            quotas += [_quota_of(root / mount / "/".join(parts[:n])) for n in range(len(parts) + 1)]
    return min(quotas)


def _quota_of(folder: Path) -> float:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        cores = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # not there, "max", or of another form
        return math.inf
    return cores if cores > 0 else math.inf  # -1: no quota


def most_threads() -> int | None:
    """Return the number of threads that $OMP_NUM_THREADS allows, or None where it says none.

    Examples
    --------
    >>> (most_threads() or 1) >= 1
    True
    """
    try:
        given = int(_OMP_NUM_THREADS.split(",")[0])
    except ValueError:
        return None
    return given if given > 0 else None


@cache
def processor() -> str:
    """Return the name of the processor.

    Examples
    --------
    >>> processor() == processor()
    True
    """
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
        if sys.platform == "darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    return platform.processor() or platform.machine()


def computed_by(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what computed the numbers of a database, by its attributes: one record for each kind of machine.

    Examples
    --------
    >>> computed_by({"computed": [{"processor": "A", "threads": 1}]}), computed_by({})
    ([{'processor': 'A', 'threads': 1}], [])
    """
    stored = attributes.get(COMPUTED)
    return [record for record in stored if isinstance(record, dict)] if isinstance(stored, list) else []


def distinct(records: Iterable[Any]) -> list[Any]:
    """Return each of some JSON values once, in the order in which they come first.

    Examples
    --------
    >>> distinct([{"a": 1}, {"a": 2}, {"a": 1}])
    [{'a': 1}, {'a': 2}]
    """
    found: list[Any] = []
    for record in records:
        if record not in found:
            found.append(record)
    return found
