from tests.helpers.compose import compose
from tsforecast.jobs.networks import scale_rows


def test_scales_tell_the_rows_of_one_series_only():
    assert scale_rows(compose("data=synthetic", "scale=poc"))["tiny"] == 6000
    assert scale_rows(compose("data=household_meters", "scale=poc")) == {}
    assert scale_rows(compose("data=synthetic", "data.rows=500", "scale=poc")) == {}
