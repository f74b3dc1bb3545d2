"""Runs Keras' ``fit`` from wherever a run stands to the end of its budget."""

from collections.abc import Callable
from typing import Any

import keras

from tsforecast.training.callbacks import RestoreMeans
from tsforecast.training.state import Budget, Progress


def fit(
    trainer: keras.Model,
    stream: Callable[[int], Any],
    progress: Progress,
    budget: Budget,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """Trains until the budget ends.

    Keras' epochs all have the same number of steps, so a run that was interrupted inside an epoch finishes that epoch
    in a call of its own.

    Args:
        trainer: compiled.
        stream: returns the endless batches from a given batch on.
        progress: where the run stands; counted on by the callbacks.
        budget: when it ends.
        callbacks: called in this order.
    """
    if progress.ended:  # interrupted after its last step: only what comes after training is left
        return
    done, rest = divmod(progress.batch, budget.batches_per_epoch)
    if rest:
        # The variable itself, not its value: several devices may hold it, and Keras knows how to read that.
        means = [keras.ops.convert_to_numpy(variable) for variable in trainer.metrics_variables]
        _fit(
            trainer,
            stream,
            progress,
            done,
            done + 1,
            budget.batches_per_epoch - rest,
            [RestoreMeans(means), *callbacks],
        )
        done += 1
    if not (progress.ended or progress.interrupted):
        epochs = done + 1 + (budget.max_batches or 2**40) // budget.batches_per_epoch
        _fit(trainer, stream, progress, done, epochs, budget.batches_per_epoch, callbacks)


def _fit(
    trainer: Any, stream: Any, progress: Progress, initial: int, epochs: int, steps: int, callbacks: list[Any]
) -> None:
    trainer.fit(
        stream(progress.batch),
        initial_epoch=initial,
        epochs=epochs,
        steps_per_epoch=steps,
        callbacks=callbacks,
        shuffle=False,  # the stream has its own order
        verbose=0,
    )
