"""Forecasts in daily operation: of a file, and over HTTP."""
