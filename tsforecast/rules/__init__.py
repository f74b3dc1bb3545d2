"""Rules for the rule-based forecaster: read from YAML, checked, and brought to scaled units; imports no Keras."""

from tsforecast.rules.parse import parse_rules
from tsforecast.rules.resolve import Facts, resolve_rules

__all__ = ["Facts", "parse_rules", "resolve_rules"]
