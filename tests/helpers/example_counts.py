"""Settings of property-based tests of whole tables: a few examples, always the same, or as many as are asked for."""

import os

from hypothesis import HealthCheck, settings


def profile(variable: str, usual: int) -> settings:
    """Return the settings of a test; more than ``usual`` examples, set in an environment variable, are random."""
    count = int(os.environ.get(variable, usual))
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=count <= usual,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
