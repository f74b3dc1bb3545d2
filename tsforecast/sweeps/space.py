"""The values that a search may give to one key."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Range:
    """Either some choices, or the numbers from ``low`` to ``high``, both included.

    Args:
        choices: values as written on the command line.
        low: smallest number.
        high: largest number.
        step: between two numbers; None for all numbers, or all whole ones.
        whole: whether only whole numbers count.
        log: whether to search by orders of magnitude; needs ``low`` above zero and no step.
    """

    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    whole: bool = False
    log: bool = False

    def ends(self) -> list[str]:
        """All choices, or both ends, as written on the command line."""
        return list(self.choices) or [self.written(self.low), self.written(self.high)]

    def written(self, value: object) -> str:
        """A value as the command line takes it."""
        if isinstance(value, str):
            return value
        return str(int(value)) if self.whole else repr(float(value))  # type: ignore[call-overload,arg-type]
