"""A small network that named rules correct."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from tsforecast.layers.head import ForecastHead
from tsforecast.layers.recurrent import LSTM as RecurrentLSTM
from tsforecast.layers.rules import RuleActions, RuleConditions
from tsforecast.models.forecaster import (
    Forecaster,
    add_spike_logits,
    append_context,
    append_statistics,
    causal_outputs,
    encode_channels,
    make_spike_head,
)
from tsforecast.models.task import Task
from tsforecast.options import Dropout, EmbeddingWidth, SpikeWeight, Width, Widths
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class RuleBased(Forecaster):
    """A small LSTM with a dense head, corrected by named rules to the degree that it learns to trust them.

    Conditions are evaluated at every step of the window from that step and the ones before it. The model is therefore
    causal and forecasts at every step.

    Args:
        task: Inputs and outputs of the model.
        rules: Rules as returned by ``rules.resolve_rules``; may be empty.
        units: Width of each LSTM layer; at least one.
        dense_units: Widths of the head's ReLU layers; may be empty.
        dropout: Share dropped in the head, in [0, 1).
        anchor: Whether to forecast the change from the last known value.
        encoding: ``edges`` and ``units`` of a ``PiecewiseLinear`` encoding of the channels, or None.
        embedding: Width of the embedding of each categorical feature; None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.
        statistics: Statistics of the window that the heads read too, see ``append_statistics``; None for none.

    Source: the blend of a network with trusted rules follows no single paper; one weight per rule is the simplest gate
    that can be interpreted after training.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> RuleBased(task, units=[8], dense_units=[8]).output_shape
        (None, 4, 1)
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
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
        statistics: Mapping[str, Any] | None = None,
    ):
        past = task.input_tensor()
        features = encode_channels(past, task, encoding, embedding)
        for depth, width in enumerate(units):
            features = RecurrentLSTM(width, return_sequences=True, name=f"lstm_{depth + 1}")(features)
        features = append_statistics(append_context(features, past, task), past, statistics)
        head = ForecastHead(**task.head_arguments(), units=dense_units, dropout=dropout, name="head")
        outputs = causal_outputs(features, past, task, head, anchor)
        rules, conditions, actions = [dict(rule) for rule in rules], None, None
        if rules:
            rules_with_channels = [{**rule, "channel": task.target_indices[rule["target"]]} for rule in rules]
            conditions = RuleConditions(rules, name="conditions")(past)
            actions = RuleActions(rules_with_channels, task.lead, task.points, name="rules")
            outputs = {
                "forecast": actions(outputs["forecast"][:, None], conditions, past)[:, 0],
                "sequence": actions(outputs["sequence"], conditions, past),
            }
        options: dict[str, Any] = {
            "rules": rules,
            "units": list(units),
            "dense_units": list(dense_units),
            "dropout": dropout,
            "anchor": anchor,
            "encoding": encoding,
            "embedding": embedding,
            "spike_head": spike_head,
            "spike_weight": spike_weight,
            "statistics": statistics,
        }
        odds = make_spike_head(task, dense_units, dropout) if spike_head else None
        outputs = add_spike_logits(outputs, features, odds)
        super().__init__(task=task, past=past, options=options, **outputs)
        self.rules = rules
        self._actions: RuleActions | None = actions
        self._conditions: Tensor = conditions

    def trusts(self) -> list[float]:
        """Return the learned trust in each rule, in (0, 1)."""
        return self._actions.trusts() if self._actions is not None else []

    def conditions_model(self) -> keras.Model:
        """Return a model that maps scaled ``[B, L, C]`` to the rules that hold at the last step, bool ``[B, R]``."""
        return keras.Model(self.inputs[0], self._conditions[:, -1])

    @contextmanager
    def disable_rule(self, index: int) -> Iterator[None]:
        """Set the trust in one rule to 0 within the block, and restore what was learned after it."""
        if self._actions is None:
            raise ValueError("This model has no rules.")
        logits = self._actions.logits
        learned = np.array(keras.ops.convert_to_numpy(logits.value))
        logits.assign(np.where(np.arange(len(learned)) == index, -1e9, learned))  # a trust of exactly 0
        try:
            yield
        finally:
            logits.assign(learned)
