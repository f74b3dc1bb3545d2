"""Forecast distributions: what their heads compute, their likelihoods and their quantiles, on ``keras.ops``."""

from tsforecast.layers.distributions.distribution import Distribution
from tsforecast.layers.distributions.outputs import DistributionOutputs, create_distribution

__all__ = ["Distribution", "DistributionOutputs", "create_distribution"]
