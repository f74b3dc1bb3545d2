"""Data: sources, filling, splits, scaling, leak check and windows; knows nothing of models."""
