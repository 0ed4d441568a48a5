"""The command line: a table of commands, each loaded only when it is called."""

import importlib
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

import click

from elsuite import __version__

__all__ = ["COMMANDS", "main"]

COMMANDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        # name: (module, function, short help)
        "demo": ("elsuite.cli.making", "demo", "The whole chain on real data, in a few minutes."),
        "run": ("elsuite.cli.making", "run", "Build the database that a study file describes."),
        "map": ("elsuite.cli.mapping", "map_", "Minima and transition states of a physical surface."),
        "info": ("elsuite.cli.reading", "info", "What a database holds."),
        "minima": ("elsuite.cli.reading", "minima", "List the minima."),
        "barrier": (
            "elsuite.cli.reading",
            "barrier",
            "The minimax barrier between two minima, and its route.",
        ),
        "superbasins": ("elsuite.cli.reading", "superbasins", "Which minima are joined below an energy."),
        "tree": ("elsuite.cli.reading", "tree", "The disconnectivity tree: leaves and merges."),
        "neighbors": ("elsuite.cli.querying", "neighbors", "The minima nearest to one."),
        "matrix": ("elsuite.cli.querying", "matrix", "Write all minimax barriers."),
        "plot": ("elsuite.cli.drawing", "plot", "Draw a picture into a PNG, SVG or PDF file."),
        "report": ("elsuite.cli.drawing", "report", "Write a self-contained page."),
        "quench": ("elsuite.cli.importing", "quench", "Relax stored solutions to their minima."),
        "import": ("elsuite.cli.importing", "import_", "Bring in what was made elsewhere."),
        "merge": ("elsuite.cli.merging", "merge", "Make one database of several."),
        "export": ("elsuite.cli.importing", "export", "Write another program's format."),
        "data": ("elsuite.cli.importing", "data", "Get data sets."),
        "verify": ("elsuite.cli.checking", "verify", "Check a database against its specification."),
    }
)


class _Table(click.Group):
    """A group whose commands are imported on first use, so that reading commands never load torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.command(
    cls=_Table,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: elsuite demo --out demo && elsuite tree demo/landscape.elsuite --surface train",
)
@click.version_option(__version__, prog_name="elsuite")
def commands() -> None:
    """Databases of minima, graphs of barriers, disconnectivity graphs."""


def main() -> None:
    """Run the command line; every expected error is one line on stderr and exit code 2.

    Raises
    ------
    ValueError
        Only with the environment variable ELSUITE_TRACEBACK set, to show where an error came from.
    OSError
        Likewise.
    MemoryError
        Likewise.
    RuntimeError
        Likewise.
    """
    try:
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
        click.echo("elsuite: interrupted; the same command goes on from what is committed", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone, as with `| head`: not an error of ours.
        sys.stderr.close()
        sys.exit(0)
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        # RuntimeError is what torch says when memory does not suffice.
        if os.environ.get("ELSUITE_TRACEBACK"):
            raise
        for line in str(error).splitlines() or [type(error).__name__]:
            click.echo(f"elsuite: {line}", err=True)
        sys.exit(2)
    sys.exit(status if isinstance(status, int) else 0)
