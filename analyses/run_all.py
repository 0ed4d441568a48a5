"""Runs every analysis, one after the other: `python -m analyses.run_all --scale smoke`."""

import argparse
import importlib
import sys
import time
from pathlib import Path

from analyses.common.setup import SCALES, main

NAMES = sorted(path.parent.name for path in Path(__file__).parent.glob("*/run.py"))
LAST = "findings"  # reads what the others have written


def run_all() -> int:
    """Run each analysis; return how many failed."""
    parser = argparse.ArgumentParser(prog="python -m analyses.run_all", description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="smoke")
    parser.add_argument("--only", default="", help="some of " + ",".join(NAMES))
    options, others = parser.parse_known_args()
    chosen = options.only.split(",") if options.only else sorted(NAMES, key=lambda name: name == LAST)
    if unknown := set(chosen) - set(NAMES):
        parser.error(f"--only: given {', '.join(sorted(unknown))}, allowed: {', '.join(NAMES)}")
    failed = []
    for name in chosen:
        began = time.monotonic()
        print(f"\n== {name}", flush=True)
        module = importlib.import_module(f"analyses.{name}.run")
        try:
            main(module.run, ["--scale", options.scale, *others])
        except Exception as error:
            # One that fails does not hide whether the others still run.
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
            failed.append(name)
        print(f"== {name}: {time.monotonic() - began:.0f} s", flush=True)
    print(f"\n{len(chosen) - len(failed)} of {len(chosen)} analyses ran" + "".join(f"; failed: {n}" for n in failed))
    return len(failed)


if __name__ == "__main__":
    sys.exit(run_all())
