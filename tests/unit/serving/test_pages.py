"""The pages of the service load nothing from elsewhere."""

import re

import pytest

from tsforecast.serving.pages import SECURITY_HEADERS, docs_page, live_page


@pytest.mark.parametrize("page", [live_page, docs_page])
def test_a_page_is_complete_in_itself(page):
    html = page()
    assert html.lstrip().lower().startswith("<!doctype html")
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", html)
    assert not re.search(r"@import|url\(['\"]?http", html)


def test_other_origins_are_not_allowed():
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "connect-src 'self'" in policy
    assert "http" not in policy
