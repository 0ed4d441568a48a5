"""One self-contained HTML page of a database: what was found, pictures to explore, tables, and how it was made.

`write_report`
"""

from elsuite.report.page import write_report

__all__ = ["write_report"]
