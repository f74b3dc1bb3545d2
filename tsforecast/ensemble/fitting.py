"""Sets an ensemble's weights from its members' forecasts of a stretch that no member trained on."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tsforecast.data.windows import Windows
from tsforecast.ensemble.delayed_errors import known_count, recent_errors, squared_errors
from tsforecast.ensemble.fixed import best_convex_weights, equal_weights, inverse_error_weights
from tsforecast.ensemble.model import Ensemble, points_of, signed_errors
from tsforecast.ensemble.online import chosen_settings
from tsforecast.losses import Loss

BATCH, EPOCHS, PATIENCE, RATE = 512, 40, 5, 1e-3
UNTOLD = (
    0.25  # share of windows that the gating network sees without recent errors, as a lone window would come
)

Arrays = tuple[list[np.ndarray], np.ndarray]  # inputs and truths


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A model's outputs for windows in rising order, with their truths.

    Args:
        windows: n of them.
        outputs: of the ensemble, each ``[n, ...]``.
    """

    windows: Windows
    outputs: dict[str, np.ndarray]

    def part(self, first: int, stop: int) -> "Stretch":
        """Windows ``first .. stop - 1``."""
        windows = dataclasses.replace(self.windows, ends=self.windows.ends[first:stop])
        return Stretch(windows, {name: values[first:stop] for name, values in self.outputs.items()})

    @property
    def truth(self) -> np.ndarray:
        """``[n, H, T]``, scaled, NaN where unobserved."""
        return self.windows.targets(self.windows.ends)


def fit_weights(
    model: Ensemble, fit: Stretch, held: Stretch, loss: Loss, *, seed: int, tell: Callable[[str], None]
) -> None:
    """Sets the weights of ``model`` and trains its spike head; the members stay as they are.

    Args:
        model: its members trained.
        fit: what the weights are fitted on: rows that no member trained on.
        held: later rows, which end the training of the gating network and of the spike head.
        loss: of the weighted forecast, for the gating network. The others go by the squared error.
        seed: of the batches.
        tell: takes a line of progress.
    """
    points, truth = points_of(fit.outputs["members"], model.task), fit.truth
    signed = signed_errors(points, truth)
    observed = signed.transpose(0, 2, 1).reshape(-1, signed.shape[1])
    convex = best_convex_weights(observed[np.isfinite(observed).all(axis=1)])
    weighting = model.options["weighting"]
    if weighting == "gating":
        gate = model.get_layer("gate")
        gate.fit_scale(fit.outputs["content"])
        gate.start_at(convex)
        _train(
            _gating(model), _gating_data(model, fit, held, seed), _mean(loss), seed, tell, "gating network"
        )
    elif weighting == "online":
        reach = {"lead": fit.windows.lead, "horizon": fit.windows.horizon}
        scale = 4.0 * float(np.nanmean(np.square(signed)))
        rate, share = chosen_settings(signed, fit.windows.ends, **reach, scale=scale)
        model.options["online"] = {"rate": rate, "share": share, "scale": scale}
        model.get_layer("weights").set(convex)  # of a lone window, until truths arrive
    else:
        chosen = {
            "equal": lambda: equal_weights(points.shape[1]),
            "inverse_error": lambda: inverse_error_weights(squared_errors(points, truth)),
            "static": lambda: convex,
        }
        model.get_layer("weights").set(chosen[weighting]())


def fit_spike_odds(
    model: Ensemble, fit: Stretch, held: Stretch, *, seed: int, tell: Callable[[str], None]
) -> None:
    """Trains the spike head on the members' forecasts; arguments as of ``fit_weights``."""
    odds = model.get_layer("spike_odds")
    odds.fit_scale(fit.outputs["content"])
    data = [_odds_data(model, stretch) for stretch in (fit, held)]
    _train(_odds(model, data[0][0]), data, _crossentropy, seed, tell, "spike head")


def _gating(model: Ensemble) -> keras.Model:
    members = keras.Input(model.output["members"].shape[1:])
    content = keras.Input(model.output["content"].shape[1:])
    recent = keras.Input((members.shape[1], len(model.options["half_lives"])))
    weights = model.get_layer("gate")(content, recent)
    return keras.Model([members, content, recent], model.get_layer("weighted")(members, weights))


def _gating_data(model: Ensemble, fit: Stretch, held: Stretch, seed: int) -> list[Arrays]:
    """Inputs and truths of both stretches; what was known at a window is found over both together."""
    ends = np.concatenate([fit.windows.ends, held.windows.ends])
    errors = [squared_errors(points_of(s.outputs["members"], model.task), s.truth) for s in (fit, held)]
    known = known_count(ends, fit.windows.lead, fit.windows.horizon)
    told = recent_errors(np.concatenate(errors), known, model.options["half_lives"])
    recents = [told[: len(fit.windows)], told[len(fit.windows) :]]
    untold = np.random.default_rng(seed).random(len(recents[0])) < UNTOLD
    recents[0][untold] = 0.0
    data = []
    for stretch, recent in zip((fit, held), recents, strict=True):
        whole = np.isfinite(stretch.truth).all(axis=(1, 2))
        inputs = [stretch.outputs["members"], stretch.outputs["content"], recent]
        data.append(([values[whole] for values in inputs], stretch.truth[whole]))
    return data


def _odds(model: Ensemble, inputs: list[np.ndarray]) -> keras.Model:
    given = [keras.Input(values.shape[1:]) for values in inputs]
    points, content, origin, *logits = given
    return keras.Model(given, model.get_layer("spike_odds")(points, origin, content, *logits))


def _odds_data(model: Ensemble, stretch: Stretch) -> Arrays:
    truth, outputs = stretch.truth, stretch.outputs
    whole = np.isfinite(truth).all(axis=(1, 2))
    origin = stretch.windows.rows[stretch.windows.ends][:, list(model.task.target_indices)]
    inputs = [points_of(outputs["members"], model.task), outputs["content"], origin]
    inputs += [outputs["member_spikes"]] if "member_spikes" in outputs else []
    spike = truth - origin[:, None] > np.asarray(model.options["thresholds"], np.float32)
    return [values[whole] for values in inputs], spike[whole].astype(np.float32)


def _mean(loss: Loss) -> Callable[[Any, Any], Any]:
    return lambda truth, forecast: ops.mean(loss(truth, forecast))


def _crossentropy(truth: Any, logits: Any) -> Any:
    return ops.mean(ops.softplus(logits) - truth * logits)


def _train(
    model: keras.Model,
    stretches: Sequence[Arrays],
    loss: Callable[[Any, Any], Any],
    seed: int,
    tell: Callable[[str], None],
    name: str,
) -> None:
    """Trains a small network on arrays until the held-out loss stops falling, and keeps its best weights.

    ``stretches`` are inputs and truths to fit, and those held out.
    """
    fit, held = stretches
    keras.utils.set_random_seed(seed)
    # So small a network takes longer to compile than to train; JAX knows no other way.
    jit = False if keras.config.backend() == "tensorflow" else "auto"
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss=loss, jit_compile=jit)
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    before, untrained = float(model.evaluate(*held, batch_size=BATCH, verbose=0)), model.get_weights()
    history = model.fit(
        *fit, validation_data=held, batch_size=BATCH, epochs=EPOCHS, callbacks=[stop], verbose=0
    ).history["val_loss"]
    if not min(history) < before:
        model.set_weights(untrained)
    tell(f"{name}: held-out loss {before:.5g} at first, {min(history):.5g} after {len(history)} epochs")
