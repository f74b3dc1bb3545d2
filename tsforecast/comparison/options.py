"""Options of the page that shows runs as they grow."""

from dataclasses import dataclass
from typing import Annotated

from tsforecast.options import Range


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """Where the page of ``job=watch`` is, always on this machine's loopback address.

    Args:
        port: Port of the page; 0: any free one.
        seconds: Seconds between two looks at the folder.
    """

    port: Annotated[int, Range(0, 65535)]
    seconds: Annotated[float, Range(0.2, 3600)]
