import tsforecast
from tests.helpers.api_case import OPTIONS, hourly_frame


def test_a_plan_of_some_models(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    plan = tsforecast.plan(hourly_frame(), "load", ["dlinear", "nlinear"], OPTIONS)
    assert list(plan.models) == ["dlinear", "nlinear"]
    assert plan.models["dlinear"]["params"] == 200
    assert plan.models["dlinear"]["fits"]
    assert "<td>dlinear</td>" in plan._repr_html_()
    assert capsys.readouterr().out == ""
