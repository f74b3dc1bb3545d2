"""Options of a training and of distillation."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tsforecast.options import Range


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Budget, batches, supervision and checkpoints. A step is one update of the weights.

    Args:
        batch_size: Windows per batch, or ``auto`` for the largest batch that fits into memory.
        accumulate_steps: Batches per update.
        supervision: ``dense`` scores every step of the window after the warm-up, ``last`` only its last step.
        warmup_steps: First steps of a window that dense supervision does not score.
        max_steps: Number of updates; None: no limit.
        max_minutes: Minutes of training; None: no limit.
        max_epochs: Number of epochs; None: no limit.
        steps_per_epoch: Updates per epoch; None: all training windows once.
        patience: Epochs without a better validation loss before training stops; None: never.
        min_delta: Smallest decrease of the validation loss that counts as better.
        validation_windows: Windows of the validation split, evenly spaced, to score after each epoch; None: all.
        checkpoint_minutes: Minutes between two checkpoints.
        shards: Parts of a batch computed in parallel on a CPU; None: one for each useful core.
        objective: ``forecast``, or ``masked_patches`` for pre-training.
        mask_share: Share of the patches hidden during pre-training.
        probe: Train only the head of a pre-trained model (linear probing).
    """

    batch_size: Annotated[Any, Range(1, 1_048_576)]  # a whole number or "auto"
    accumulate_steps: Annotated[int, Range(1, 10_000)]
    supervision: Literal["last", "dense"]
    warmup_steps: Annotated[int, Range(0, 100_000)]
    max_steps: Annotated[int | None, Range(1)]
    max_minutes: Annotated[float | None, Range(0.001)]
    max_epochs: Annotated[int | None, Range(1)]
    steps_per_epoch: Annotated[int | None, Range(1)]
    patience: Annotated[int | None, Range(1)]
    min_delta: Annotated[float, Range(0)]
    validation_windows: Annotated[int | None, Range(1)]
    checkpoint_minutes: Annotated[float, Range(0)]
    shards: Annotated[int | None, Range(1, 256)]
    objective: Literal["forecast", "masked_patches"]
    mask_share: Annotated[float, Range(0.01, 0.99)]
    probe: bool


@dataclass(frozen=True, kw_only=True)
class DistillationOptions:
    """What a student learns from its teacher.

    Args:
        share: Weight of the teacher's forecast in the student's targets; the remainder is the weight of the truth.
        folds: Parts of the training weeks that each are forecast by a teacher fitted on the others, or None for the
            teacher as it is.
    """

    share: Annotated[float, Range(0, 1)]
    folds: Annotated[int | None, Range(2, 20)]


@dataclass(frozen=True, kw_only=True)
class OptimizerOptions:
    """Arguments of Keras' optimizers that have a legal range; an optimizer takes some of them.

    Args:
        learning_rate: Peak learning rate.
        weight_decay: Decoupled weight decay.
        clipnorm: Largest norm of a gradient.
        momentum: Share of the last update that the next one keeps.
        nesterov: Use Nesterov's momentum.
    """

    learning_rate: Annotated[float, Range(1e-12, 10.0)]
    weight_decay: Annotated[float | None, Range(0.0, 1.0)]
    clipnorm: Annotated[float | None, Range(1e-12)]
    momentum: Annotated[float, Range(0.0, 1.0)]
    nesterov: bool
