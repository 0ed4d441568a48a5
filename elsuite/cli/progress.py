"""The display of progress that all long commands share: `progress_bars`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elsuite.core.typing import Progress


@contextmanager
def progress_bars() -> Iterator["Progress | None"]:
    """Yield a callback that shows a bar with an estimate for each stage; nothing when stderr is no terminal.

    What a stage says after " | " changes in its bar.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TimeElapsedColumn, TimeRemainingColumn

    texts = ("{task.description:<34}", BarColumn(), "{task.percentage:>3.0f} %")
    with Progress(*texts, TimeElapsedColumn(), "left", TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        stages: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            name = stage.partition(" | ")[0]
            if name not in stages:
                stages[name] = bars.add_task(stage, total=total, completed=done)
            bars.update(stages[name], description=stage, completed=done, total=total)

        yield report
