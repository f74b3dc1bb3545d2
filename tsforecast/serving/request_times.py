"""Times of requests: in ISO 8601, or the numbers of steps for series whose times number them."""

from datetime import datetime, timezone
from typing import Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata

EARLIEST, LATEST = np.datetime64("1700-01-01T00:00:00", "s"), np.datetime64("2200-01-01T00:00:00", "s")
MAX_NUMBER = 2**53  # of a step, before its length counts
SENTENCE = "sentence"  # type of errors whose message completes "WHERE ..."


class RequestTime(NamedTuple):
    """A time of a request: in seconds (UTC if it was sent with an offset), and whether it was; or a step's number."""

    seconds: np.datetime64
    has_offset: bool
    number: int | None = None


def parse_time(text: object) -> RequestTime:
    """Parse a time in ISO 8601; one with an offset is converted to UTC. An integer is the number of a step.

    Raises:
        ValueError: It is not such a time.

    Example:
        >>> parse_time("2010-11-26T22:02:00+01:00")
        RequestTime(seconds=np.datetime64('2010-11-26T21:02:00'), has_offset=True, number=None)
    """
    if type(text) is int and abs(text) <= MAX_NUMBER:
        return RequestTime(EARLIEST, False, text)
    if not isinstance(text, str):
        raise ValueError("not a text")
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
        has_offset = time.tzinfo is not None
        if has_offset:
            time = time.astimezone(timezone.utc).replace(tzinfo=None)
    except OverflowError as error:
        raise ValueError("out of range") from error
    seconds = np.datetime64(time, "s")
    if not EARLIEST <= seconds < LATEST:
        raise PydanticCustomError(SENTENCE, "must be between the years 1700 and 2200")
    return RequestTime(seconds, has_offset)


TIME = "a time such as 2010-11-26T21:02:00"
Time = Annotated[
    Any,
    PlainValidator(parse_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(description=TIME),
]


def to_grid(metadata: ModelMetadata, time: RequestTime, where: str) -> np.datetime64:
    """Return a time as the grid has it; those with an offset are refused if the training data had none, and so on.

    Args:
        metadata: Metadata of the model.
        time: The time.
        where: Beginning of the message.

    Raises:
        UserError: It does not fit the training data.
    """
    check_kind(metadata, time, where)
    if time.number is not None:
        return number_to_time(metadata, time.number, where)
    if metadata.clock.timezone:
        grid_time: np.datetime64 = metadata.clock.read(np.array([time.seconds]), time.has_offset, where)[0]
        return grid_time
    check_offset(metadata, time.has_offset, where)
    return time.seconds


def check_kind(metadata: ModelMetadata, time: RequestTime, where: str) -> None:
    """Refuse times of a clock for a model whose times number steps, and numbers for the others.

    Args:
        metadata: Metadata of the model.
        time: The time.
        where: Beginning of the message.

    Raises:
        UserError: It is of the other kind.
    """
    if metadata.numbers_steps and time.number is None:
        raise UserError(f"{where} must be the number of a step, such as 743.")
    if not metadata.numbers_steps and time.number is not None:
        raise UserError(f"{where} must be {TIME}.")


def number_to_time(metadata: ModelMetadata, number: int, where: str) -> np.datetime64:
    """Return the time datetime64[s] that a step number stands for, see ``ModelMetadata.step_numbers``.

    Raises:
        UserError: The number is too large.
    """
    seconds = number * metadata.step
    if not EARLIEST.astype(np.int64) <= seconds < LATEST.astype(np.int64):
        most = int(LATEST.astype(np.int64)) // metadata.step
        raise UserError(f"{where} must be the number of a step, at most {most:,}.")
    return np.datetime64(seconds, "s")


def check_offset(metadata: ModelMetadata, has_offset: bool, where: str) -> None:
    """Refuse times that do not have an offset as the training data had, if that is known.

    Args:
        metadata: Metadata of the model.
        has_offset: Whether they have one.
        where: Beginning of the message.

    Raises:
        UserError: The training data had one, and these do not, or the other way round.
    """
    if metadata.recipe is not None:
        metadata.recipe.time.check_offset(has_offset, where)


def read_arrow_times(table: pa.Table, metadata: ModelMetadata) -> np.ndarray:
    """Return the times datetime64[s] ``[N]`` of the rows of an Arrow table.

    Args:
        table: The table; its column ``time`` has timestamps, or the numbers of steps.
        metadata: Metadata of the model.
    """
    if metadata.numbers_steps:
        numbers = np.asarray(table["time"].cast(pa.int64(), safe=False).to_numpy())
        seconds = np.clip(numbers, -MAX_NUMBER // metadata.step, MAX_NUMBER // metadata.step) * metadata.step
    else:
        seconds = np.asarray(table["time"].cast(pa.timestamp("s"), safe=False).cast(pa.int64()).to_numpy())
    return seconds.astype("datetime64[s]")
