"""The command line: a table of commands, each loaded only when it is called."""

import os
import sys
import warnings

import click

from elsuite import __version__
from elsuite.core.plugins import PluginTable

__all__ = ["COMMANDS", "main"]

_ROWS = {
    # name: (where it is, short help)
    "demo": ("elsuite.cli.demo:demo", "The whole chain on real data, in a few minutes."),
    "run": ("elsuite.cli.run:run", "Build the database that a study file describes."),
    "map": ("elsuite.cli.map:map_", "Minima and transition states of a physical surface."),
    "info": ("elsuite.cli.info:info", "What a database holds."),
    "minima": ("elsuite.cli.minima:minima", "List the minima."),
    "barrier": ("elsuite.cli.barrier:barrier", "The minimax barrier between two minima, and its route."),
    "superbasins": ("elsuite.cli.superbasins:superbasins", "Which minima are joined below an energy."),
    "tree": ("elsuite.cli.tree:tree", "The disconnectivity tree: leaves and merges."),
    "neighbors": ("elsuite.cli.neighbors:neighbors", "The minima nearest to one."),
    "matrix": ("elsuite.cli.matrix:matrix", "Write all minimax barriers."),
    "rates": ("elsuite.cli.kinetics:rates", "First-passage times between sets of minima."),
    "thermodynamics": ("elsuite.cli.kinetics:thermodynamics", "Heat capacities and populations."),
    "compute": ("elsuite.cli.compute:compute", "Compute planes, surfaces, interpolations and spectra for pictures."),
    "plot": ("elsuite.cli.plot:plot", "Draw a picture into a PNG, SVG or PDF file."),
    "report": ("elsuite.cli.report:report", "Write a self-contained page."),
    "connect": ("elsuite.cli.connect:connect", "Search paths between the minima and complete the tree."),
    "quench": ("elsuite.cli.quench:quench", "Relax stored solutions to their minima."),
    "import": ("elsuite.cli.import_:import_", "Bring in what was made elsewhere."),
    "merge": ("elsuite.cli.merge:merge", "Make one database of several."),
    "export": ("elsuite.cli.export:export", "Write another program's format, or a checkpoint."),
    "data": ("elsuite.cli.data:data", "Get data sets."),
    "verify": ("elsuite.cli.verify:verify", "Check a database against its specification."),
}
COMMANDS: PluginTable[click.Command] = PluginTable(
    "commands", {name: where for name, (where, _) in _ROWS.items()}, "command", of="click:Command"
)
"""The commands by name, each imported on first use; another package adds one by an entry point ``elsuite.commands``."""


class _Table(click.Group):
    """A group whose commands are imported on first use, so that reading commands never load torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return COMMANDS.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _short_help(name)) for name in COMMANDS])


def _short_help(name: str) -> str:
    if name in _ROWS:
        return _ROWS[name][1]
    try:
        return COMMANDS[name].get_short_help_str(70)
    except ValueError as error:  # another package that is broken is no reason to hide the rest
        return f"({error})"


INTERRUPTED = "elsuite: interrupted; the same command goes on from what is committed"


@click.command(
    cls=_Table,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: elsuite demo --out demo && elsuite tree demo/landscape.elsuite --surface train",
)
@click.version_option(__version__, prog_name="elsuite")
def commands() -> None:
    """Databases of minima, graphs of barriers, disconnectivity graphs."""


def _say_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
) -> None:
    package = filename.replace("\\", "/").rpartition("site-packages/")[2].partition("/")[0].removesuffix(".py")
    by = package if "site-packages" in filename and package else "elsuite"
    click.echo(f"{by}: {' '.join(str(message).split())}", err=True)


def _is_of_interrupt(error: BaseException) -> bool:
    """Whether an error came while Ctrl-C was being handled, such as of a library whose state that broke."""
    while (before := error.__cause__ or error.__context__) is not None:
        if isinstance(before, KeyboardInterrupt):
            return True
        error = before
    return False


def main() -> None:
    """Run the command line; every expected error is one line on stderr and exit code 2."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _say_warning
            status = commands.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        click.echo(f"elsuite: {' '.join(error.format_message().split())}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo(INTERRUPTED, err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone, as with `| head`: not an error of ours.
        sys.stderr.close()
        sys.exit(0)
    except (ValueError, OSError, MemoryError, RuntimeError, AssertionError) as error:
        if _is_of_interrupt(error):
            click.echo(INTERRUPTED, err=True)
            sys.exit(130)
        if isinstance(error, AssertionError):
            raise
        # RuntimeError is what torch says when memory does not suffice.
        if os.environ.get("ELSUITE_TRACEBACK"):  # to show where it came from
            raise
        for line in str(error).splitlines() or [type(error).__name__]:
            click.echo(f"elsuite: {line}", err=True)
        sys.exit(2)
    sys.exit(status if isinstance(status, int) else 0)
