"""Rule-based forecaster."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from tsforecast.layers.head import ForecastHead
from tsforecast.layers.recurrent import LSTM as RecurrentLSTM
from tsforecast.layers.rules import RuleActions, RuleConditions
from tsforecast.models.forecaster import Forecaster, causal_outputs, encode_channels
from tsforecast.models.task import Task
from tsforecast.options import Dropout, Width, Widths


@keras.saving.register_keras_serializable(package="tsforecast")
class RuleBased(Forecaster):
    """A small LSTM with a dense head, corrected by named rules as far as it learns to trust them.

    Conditions are evaluated at every step of the window from that step and those before it, so the model is causal and
    forecasts at every step.

    Args:
        task: what to forecast from what.
        rules: resolved by ``rules.resolve_rules``; may be empty.
        units: width of each LSTM layer, at least one.
        dense_units: widths of the head's ReLU layers; may be empty.
        dropout: share dropped in the head, in [0, 1).
        anchor: forecast the change from the last known value.
        encoding: ``edges`` and ``units`` of a ``PiecewiseLinear`` encoding of the channels, or None.

    Source: the blend of a network with trusted rules follows no single paper; a gate of one weight a rule is the
    simplest that can be read off after training.
    """

    nominal_params = 85_000

    def __init__(
        self,
        task: Task,
        rules: Sequence[Mapping[str, Any]] = (),
        units: Widths = (32,),
        dense_units: Sequence[Width] = (64, 32),
        dropout: Dropout = 0.0,
        anchor: bool = True,
        encoding: Mapping[str, Any] | None = None,
    ):
        past = task.input_tensor()
        features = encode_channels(past, encoding)
        for depth, width in enumerate(units):
            features = RecurrentLSTM(width, return_sequences=True, name=f"lstm_{depth + 1}")(features)
        head = ForecastHead(**task.head_arguments(), units=dense_units, dropout=dropout, name="head")
        outputs = causal_outputs(features, past, task, head, anchor)
        rules, held, actions = [dict(rule) for rule in rules], None, None
        if rules:
            channelled = [{**rule, "channel": task.target_indices[rule["target"]]} for rule in rules]
            held = RuleConditions(rules, name="conditions")(past)
            actions = RuleActions(channelled, task.lead, name="rules")
            outputs = {
                "forecast": actions(outputs["forecast"][:, None], held, past)[:, 0],
                "sequence": actions(outputs["sequence"], held, past),
            }
        options: dict[str, Any] = {
            "rules": rules,
            "units": list(units),
            "dense_units": list(dense_units),
            "dropout": dropout,
            "anchor": anchor,
            "encoding": encoding,
        }
        super().__init__(task=task, past=past, options=options, **outputs)
        self.rules = rules
        self._actions: Any = actions
        self._held: Any = held

    def trusts(self) -> list[float]:
        """The learned trust in each rule, in (0, 1)."""
        return self._actions.trusts() if self._actions is not None else []

    def conditions_model(self) -> keras.Model:
        """Which rules hold at the window's last step: scaled ``[B, L, C]`` to bool ``[B, R]``."""
        return keras.Model(self.inputs[0], self._held[:, -1])

    @contextmanager
    def without_rule(self, place: int) -> Iterator[None]:
        """Within, one of the rules is not trusted at all; what was learned is put back after it."""
        logits = self._actions.logits
        kept = np.array(keras.ops.convert_to_numpy(logits.value))
        logits.assign(np.where(np.arange(len(kept)) == place, -1e9, kept))  # a trust of exactly 0
        try:
            yield
        finally:
            logits.assign(kept)
