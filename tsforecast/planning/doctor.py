"""What is wrong with this machine for training, and the one line that mends it; judged from facts, so that it is tested
without a GPU.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tsforecast.planning.formatting import size
from tsforecast.planning.machine import Card

CUDNN_DROPPED_VOLTA = (9, 11)  # cuDNN 9.11 has no code for compute capability below 7.5 any more
OLDEST_LEFT = 7.5
LAST_DRIVER_OF_VOLTA = 580
OLDEST_DRIVER_OF_CUDA_12 = 525
MIN_MEMORY, MIN_DISK = 4e9, 2e9


@dataclass(frozen=True)
class Facts:
    """What was found on a machine; None for what is not there.

    Args:
        python: version.
        tensorflow: version.
        cuda: version that TensorFlow is built for.
        cudnn_built: version that TensorFlow is built for.
        cudnn: version that is installed.
        capabilities: what TensorFlow's own kernels are compiled for, such as sm_70 and compute_90.
        cards: that the driver shows.
        visible_gpus: that TensorFlow sees.
        cpu: name and cores.
        cpu_bfloat16: whether the processor multiplies bfloat16 in hardware.
        memory: total and available bytes.
        disk: free bytes where runs are written.
        wandb: what the tracker will do, in words.
    """

    python: str
    tensorflow: str | None
    cuda: str | None
    cudnn_built: str | None
    cudnn: str | None
    capabilities: tuple[str, ...]
    cards: tuple[Card, ...]
    visible_gpus: int
    cpu: str
    cpu_bfloat16: bool
    memory: tuple[int, int]
    disk: int
    wandb: str


@dataclass(frozen=True)
class Finding:
    """A line of the doctor's report.

    Args:
        level: ok, advice or problem.
        what: what was found.
        fix: one command or step; empty when nothing is to be done.
    """

    level: str
    what: str
    fix: str = ""


def diagnose(facts: Facts) -> list[Finding]:
    """All findings about a machine, in the order of reading."""
    return [
        Finding("ok", f"Python {facts.python}"),
        *_tensorflow(facts),
        *(finding for card in facts.cards for finding in _card(card, facts)),
        *_gpus_seen(facts),
        _precision(facts),
        *_room(facts),
        Finding("ok", f"W&B: {facts.wandb}"),
    ]


def _tensorflow(facts: Facts) -> Iterator[Finding]:
    if facts.tensorflow is None:
        yield Finding("problem", "TensorFlow is not installed.", "make setup")
        return
    built = f", built for CUDA {facts.cuda} and cuDNN {facts.cudnn_built}" if facts.cuda else ", without CUDA"
    yield Finding("ok", f"TensorFlow {facts.tensorflow}{built}")
    if facts.cudnn is not None:
        yield Finding("ok", f"cuDNN {facts.cudnn} is installed")


def _card(card: Card, facts: Facts) -> Iterator[Finding]:
    yield Finding(
        "ok",
        f"{card.name}, compute capability {card.compute_capability:g}, {size(card.memory_bytes)}, driver {card.driver}",
    )
    yield from _cudnn_code(card, facts)
    yield from _own_code(card, facts)
    yield from _driver(card)


def _cudnn_code(card: Card, facts: Facts) -> Iterator[Finding]:
    """The trap of the V100: TensorFlow runs on it, but a cuDNN from 9.11 on has no code for it."""
    if facts.cudnn is None or card.compute_capability >= OLDEST_LEFT:
        return
    if _numbers(facts.cudnn)[:2] >= CUDNN_DROPPED_VOLTA:
        yield Finding(
            "problem",
            f"cuDNN {facts.cudnn} has no code for compute capability {card.compute_capability:g} ({card.name}): "
            "recurrent layers and convolutions fail or do not start.",
            "pip install 'nvidia-cudnn-cu12>=9.3,<9.11'",
        )


def _own_code(card: Card, facts: Facts) -> Iterator[Finding]:
    if facts.capabilities and not runs_on(card.compute_capability, facts.capabilities):
        yield Finding(
            "problem",
            f"TensorFlow {facts.tensorflow} is compiled for {', '.join(facts.capabilities)}, "
            f"not for {card.compute_capability:g} ({card.name}).",
            "pip install 'tsforecast[cuda]' with the TensorFlow that it names, or device=cpu",
        )


def runs_on(capability: float, compiled: tuple[str, ...]) -> bool:
    """Whether code compiled for these targets runs on a card.

    ``sm_XY`` is machine code for cards of the same major version and at least that minor one; ``compute_XY`` is
    translated by the driver for every later card.
    """
    card = round(capability * 10)
    for target in compiled:
        kind, _, number = target.partition("_")
        least = int("".join(filter(str.isdigit, number)) or 10**6)
        if kind == "compute" and card >= least:
            return True
        if kind == "sm" and card // 10 == least // 10 and card >= least:
            return True
    return False


def _driver(card: Card) -> Iterator[Finding]:
    major = _numbers(card.driver)[0]
    if major < OLDEST_DRIVER_OF_CUDA_12:
        yield Finding(
            "problem",
            f"Driver {card.driver} is too old for CUDA 12, which needs {OLDEST_DRIVER_OF_CUDA_12}.60.13.",
            f"install NVIDIA driver {LAST_DRIVER_OF_VOLTA}",
        )
    if card.compute_capability < OLDEST_LEFT and major > LAST_DRIVER_OF_VOLTA:
        yield Finding(
            "problem",
            f"Driver {card.driver} no longer serves {card.name}: {LAST_DRIVER_OF_VOLTA} is the last branch for it.",
            f"install NVIDIA driver {LAST_DRIVER_OF_VOLTA}",
        )


def _gpus_seen(facts: Facts) -> Iterator[Finding]:
    if not facts.cards:
        yield Finding("ok", f"No GPU; {facts.cpu}")
    elif facts.visible_gpus < len(facts.cards):
        yield Finding(
            "problem",
            f"The driver shows {len(facts.cards)} GPU and TensorFlow sees {facts.visible_gpus}: "
            "its CUDA libraries are missing or hidden.",
            "pip install 'tsforecast[cuda]', and look at CUDA_VISIBLE_DEVICES",
        )


def _precision(facts: Facts) -> Finding:
    if facts.cards:
        least = min(card.compute_capability for card in facts.cards)
        if least >= 8.0:
            return Finding("advice", "precision=mixed uses bfloat16 here; it needs no loss scaling.")
        if least >= 7.0:
            return Finding(
                "advice", "precision=mixed uses float16 with loss scaling here; there are no bfloat16 units."
            )
        return Finding("advice", "precision=float32: this card gains nothing from half precision.")
    if facts.cpu_bfloat16:
        return Finding(
            "advice", "precision=mixed uses bfloat16 here: the processor multiplies it in hardware."
        )
    return Finding("advice", "precision=mixed is float32 here: the processor has no bfloat16 units.")


def _room(facts: Facts) -> Iterator[Finding]:
    total, available = facts.memory
    low = available < MIN_MEMORY
    yield Finding(
        "problem" if low else "ok",
        f"Memory: {size(available)} of {size(total)} available",
        "close other programs, or use scale=tiny" if low else "",
    )
    low = facts.disk < MIN_DISK
    yield Finding(
        "problem" if low else "ok",
        f"Disk: {size(facts.disk)} free for runs",
        "delete old folders in outputs/" if low else "",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
