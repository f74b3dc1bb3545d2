"""Checks of the group ``plan``."""

from tsforecast import config_files
from tsforecast.config.schema import Config, jobs_with
from tsforecast.errors import UserError, nearest
from tsforecast.options import field_rules
from tsforecast.runtime_options import PrecisionOptions


def check_plan(config: Config) -> None:
    """Check the lists in ``plan``.

    Raises:
        UserError: A list is empty, or an entry is not a known model, policy, scale or batch size.
    """
    plan = config.plan
    if config.job.name not in jobs_with("plan"):
        return
    policies = field_rules(PrecisionOptions)["policy"].choices
    known = {"policies": policies, "scales": tuple(config_files.choices("scale"))}
    if plan.models is not None:
        known["models"] = tuple(config_files.choices("model"))
    for key, choices in known.items():
        wanted = getattr(plan, key)
        if not wanted:
            raise UserError(f"plan.{key} is empty: name at least one, as in plan.{key}=[{choices[0]}].")
        for name in wanted:
            if name not in choices:
                raise UserError(
                    f"plan.{key} names {name}, which is not one of {', '.join(choices)}.{nearest(name, choices)}"
                )
    if not plan.batches or min(plan.batches) < 1:
        raise UserError(f"plan.batches={plan.batches} must be numbers of windows, as in plan.batches=[32].")
