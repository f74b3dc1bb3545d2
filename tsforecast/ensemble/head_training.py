"""Training of the small networks of an ensemble: the gating network and the spike head."""

from collections.abc import Callable

import keras
import numpy as np

from tsforecast.typing import Tensor

BATCH_SIZE, MAX_EPOCHS, PATIENCE, LEARNING_RATE = 512, 40, 5, 1e-3

Arrays = tuple[list[np.ndarray], np.ndarray]  # inputs and truths


def train_head(
    network: keras.Model,
    fitting: Arrays,
    holdout: Arrays,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    seed: int,
    log: Callable[[str], None],
    name: str,
) -> None:
    """Train a small network on arrays until the held-out loss stops falling, and keep its best weights.

    Args:
        network: Network to train.
        fitting: Inputs and truths to fit.
        holdout: Inputs and truths for early stopping.
        loss: Scalar loss of truths and outputs.
        seed: Random seed for the batch order.
        log: Called with one line about the training.
        name: Name of the network in that line.
    """
    keras.utils.set_random_seed(seed)
    # Compiling such a small network takes longer than training it; JAX always compiles.
    jit = False if keras.config.backend() == "tensorflow" else "auto"
    network.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=loss, jit_compile=jit)
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    before = float(network.evaluate(*holdout, batch_size=BATCH_SIZE, verbose=0))
    untrained = network.get_weights()
    losses = network.fit(
        *fitting,
        validation_data=holdout,
        batch_size=BATCH_SIZE,
        epochs=MAX_EPOCHS,
        callbacks=[stop],
        verbose=0,
    ).history["val_loss"]
    kept = min(losses) < before
    if not kept:
        network.set_weights(untrained)
    note = "" if kept else "; discarded"
    log(f"{name}: held-out loss {before:.5g} before, {min(losses):.5g} after {len(losses)} epochs{note}")
