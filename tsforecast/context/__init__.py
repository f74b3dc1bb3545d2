"""Causal summaries of the rows before a window; NumPy only."""
