"""An hour of faults under load, against a registry of its own."""
