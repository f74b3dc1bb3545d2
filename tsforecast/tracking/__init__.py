"""Trackers, the folder of a run, and the progress of a training."""
