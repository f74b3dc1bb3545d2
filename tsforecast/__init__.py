"""tsforecast: config-driven forecasting experiments, from raw sensor rows to a forecaster in service."""

__version__ = "0.1.0"
