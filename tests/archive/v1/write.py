"""Writes the archived store of format 1 beside this file. It was run once; the store is never written again."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from small_database import small_store

if __name__ == "__main__":
    small_store(Path(__file__).parent / "small.elsuite")
