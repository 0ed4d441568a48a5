"""What holds for all tests: no deadlines (machines are shared), the same examples in every run of CI."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes beside each other have a core each; before torch is loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("elsuite", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "elsuite")
