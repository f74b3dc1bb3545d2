"""Configs of the planning jobs with the smallest data and models."""

from hydra import compose, initialize_config_dir

from tsforecast.config import check
from tsforecast.installation import CONF

SMALL = ["data=synthetic", "scale=tiny", "tracker=none", "device=cpu", "plan.seconds=0.01"]
TWO = "plan.models=[nlinear,dlinear]"


def config(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return check(compose("config", overrides=[*SMALL, *overrides]), overrides=[])
