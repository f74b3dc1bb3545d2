"""Means over observed truths alone, however a batch is divided: over parts, devices or the batches of one update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from tsforecast.distribution import is_distributed
from tsforecast.typing import Tensor


def observed_share(truth: Tensor) -> Tensor:
    """Return the share of truths that are observed, over the batches of all devices; 1 if none is.

    It is exactly 1 if all are observed, so that dividing by it changes nothing.

    Args:
        truth: Truths of any shape, NaN where unobserved.

    Example:
        >>> float(observed_share(ops.convert_to_tensor([1.0, float("nan")])))
        0.5
    """
    observed = ops.isfinite(truth)
    count = ops.sum(ops.cast(observed, "int32"))
    total = ops.sum(ops.cast(ops.ones_like(observed), "int32"))
    if is_distributed():
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        if context is not None:
            count, total = (context.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in (count, total))
    share = ops.cast(count, "float32") / ops.cast(total, "float32")
    return ops.where(ops.logical_or(count == total, count == 0), 1.0, share)


def weigh_by_observed(metric: keras.metrics.Mean, share: Callable[[], Tensor]) -> None:
    """Make the mean of the losses of batches weigh each by its observed truths.

    Args:
        metric: Mean whose updates state the windows of each batch.
        share: Returns the observed share of the current batch.
    """
    update = metric.update_state

    def update_weighted(values: Tensor, sample_weight: Tensor) -> None:
        update(values, sample_weight=ops.cast(sample_weight, "float32") * share())

    metric.update_state = update_weighted


def accumulate_observed(optimizer: keras.optimizers.Optimizer, share: Callable[[], Tensor]) -> None:
    """Make accumulated gradients the mean over the observed truths of all their batches; else do nothing.

    Keras averages the gradients of the batches, whether they contain many observed truths or few.

    Args:
        optimizer: Optimizer that may accumulate, not built yet.
        share: Returns the observed share of the current batch.
    """
    steps = optimizer.gradient_accumulation_steps
    if not steps:
        return
    apply, clip, build = optimizer._backend_apply_gradients, optimizer._clip_gradients, optimizer.build

    def build_with_total(variables: Sequence[keras.Variable]) -> None:
        build(variables)
        optimizer.observed_total = optimizer.add_variable(
            shape=(), dtype="float32", aggregation="only_first_replica", name="observed_total"
        )

    def apply_weighted(gradients: Sequence[Tensor], variables: Any) -> None:
        total, weight = optimizer.observed_total, share()
        total.assign(total + weight)
        apply([gradient * ops.cast(weight, gradient.dtype) for gradient in gradients], variables)
        is_update = (optimizer._iterations + 1) % steps == 0
        total.assign(ops.where(is_update, 0.0, total))

    def clip_mean(gradients: Sequence[Tensor]) -> Any:
        factor = steps / ops.maximum(ops.convert_to_tensor(optimizer.observed_total), 1e-30)
        return clip([gradient * ops.cast(factor, gradient.dtype) for gradient in gradients])

    optimizer.build, optimizer._backend_apply_gradients = build_with_total, apply_weighted
    optimizer._clip_gradients = clip_mean
