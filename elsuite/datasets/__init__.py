"""Labelled data for networks: `load_data` (digits, MNIST files, arrays of one's own) and `fetch_data`.

`DATA_SETS` names the sets that there are; `DataSet` is what is loaded, `DataError` what is wrong with it.
"""

from elsuite.datasets.idx import DataError
from elsuite.datasets.load import DATA_SETS, DataSet, load_data
from elsuite.datasets.sources import fetch_data

__all__ = ["DATA_SETS", "DataError", "DataSet", "fetch_data", "load_data"]
