"""Watching a model in service: drift, broken sensors, kept promises, alarms, and an anomaly score per reading.

Nothing in this package knows of HTTP; ``tsforecast.serving`` passes rows and truths in, and gets alarms back.
"""
