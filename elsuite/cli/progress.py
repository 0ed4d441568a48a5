"""The display of progress that all long commands share: `progress_bars`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["of_stage", "progress_bars"]

Report = Callable[[str, int, int], None]


@contextmanager
def progress_bars() -> Iterator[Report | None]:
    """Yield a callback that shows a bar with an estimate for each stage; nothing when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        stages: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total, completed=done)
            bars.update(stages[stage], completed=done, total=total)

        yield report


def of_stage(progress: Report | None, stage: str) -> Callable[[int, int], None] | None:
    """Return the callback of a job that has one stage only."""
    if progress is None:
        return None
    return lambda done, total: progress(stage, done, total)
