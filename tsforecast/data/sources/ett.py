"""The electricity transformer data sets, as hourly CSV files."""

from pathlib import Path
from typing import Any

from tsforecast.data.series import Series
from tsforecast.data.sources import csv
from tsforecast.errors import UserError


def load(path: str, **options: Any) -> Series:
    """Read ``ETTh1.csv`` or ``ETTh2.csv``.

    Args:
        path: path of the file.
        **options: target, and those of ``TableOptions``.

    Raises:
        UserError: the file is not there (the message says where to get it); or as ``csv.load``.

    Source: Zhou et al. (2021), Informer.
    """
    if not Path(path).expanduser().exists():
        raise UserError(
            f"data.path: there is no file {path}: get it from https://github.com/zhouhaoyi/ETDataset (ETT-small), "
            "and give its path, as in data.path=ETTh1.csv."
        )
    return csv.load(path, **options)
