"""Boosters whose counts or indices do not fit crash LightGBM's parser; they are refused before it sees them."""

import re
from functools import cache

import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.untrusted.boosters import check_booster

lightgbm = pytest.importorskip("lightgbm")


@cache
def booster(categories=False):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 5))
    features[:, 4] = rng.integers(0, 6, 500)
    data = lightgbm.Dataset(
        features, features[:, 0] + (features[:, 4] == 3), categorical_feature=[4] if categories else []
    )
    params = {"verbose": -1, "num_leaves": 5, "num_threads": 1, "min_data_per_group": 5, "cat_smooth": 1}
    return lightgbm.train(params, data, 3)


def text(categories=False):
    return booster(categories).model_to_string()


def with_sizes(content):
    """The text with the sizes of its trees, as somebody who knows the format would write it."""
    trees = re.findall(r"Tree=\d+\n.*?\n\n\n", content, re.DOTALL)
    sizes = " ".join(str(len(tree)) for tree in trees)
    return re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", content)


def changed(pattern, value, categories=False):
    content, count = re.subn(pattern, value, text(categories), count=1, flags=re.MULTILINE)
    assert count == 1
    return with_sizes(content)


@pytest.mark.parametrize("categories", [False, True])
def test_boosters_of_lightgbm_pass(categories):
    content = text(categories)
    assert ("num_cat=1" in content) == categories
    check_booster(content, "model.json")
    assert with_sizes(content) == content
    single = lightgbm.train({"verbose": -1}, lightgbm.Dataset(np.zeros((50, 2)), np.zeros(50)), 2)
    check_booster(single.model_to_string(), "model.json")  # trees of a single leaf


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "num_class is missing"),
        (text()[:700], "tree_sizes do not fit the text"),
        (changed("^num_class=1$", "num_class=2000000000"), "num_class is 2000000000"),
        (changed("^num_tree_per_iteration=1$", "num_tree_per_iteration=0"), "num_tree_per_iteration is 0"),
        (changed("^max_feature_idx=4$", "max_feature_idx=2000000000"), "feature_names does not have the"),
        (re.sub(r"tree_sizes=\d+", "tree_sizes=99999999", text()), "tree_sizes do not fit"),
        (re.sub(r"tree_sizes=\d+ ", "tree_sizes=", text()), "tree_sizes do not fit"),
        (changed("^num_leaves=5$", "num_leaves=2000000000"), "tree 0 has 2,000,000,000 leaves"),
        (changed("^num_leaves=5$", "num_leaves=50"), "leaf_value of tree 0 does not have 50 entries"),
        (changed("^leaf_value=[^ ]*", "leaf_value="), "leaf_value of tree 0 does not have 5 entries"),
        (changed("^threshold=.*", "threshold="), "threshold of tree 0 does not have 4 entries"),
        (changed("^threshold=.*\n", ""), "tree 0 has no threshold"),
        (changed("^split_feature=[0-9]+", "split_feature=99999"), "splits by a feature that there is not"),
        (changed("^split_feature=[0-9]+", "split_feature=1e3"), "has no whole numbers"),
        (changed("^left_child=[^ ]+", "left_child=0"), "a branch that leads nowhere"),  # in a circle
        (changed("^right_child=[^ ]+", "right_child=100000"), "a branch that leads nowhere"),
        (changed("^left_child=[^ ]+", "left_child=-100000"), "a branch that leads nowhere"),
        (changed("^decision_type=[0-9]+", "decision_type=1"), "tree 0 has 0 splits by category"),
        (changed("^num_cat=0", "num_cat=1000000000"), "tree 0 has 1,000,000,000 splits by category"),
        (changed("^is_linear=0", "is_linear=1"), "linear leaves"),
        (changed("^cat_boundaries=0 [0-9]+", "cat_boundaries=0 9999", True), "do not fit cat_boundaries"),
        (changed("^cat_threshold=.*", "cat_threshold=1 2 3 4 5 6 7 8 9", True), "do not fit cat_boundaries"),
    ],
)
def test_a_booster_that_does_not_fit_is_refused(content, words):
    with pytest.raises(UserError, match=rf"^model\.json has a booster that is damaged \(.*{words}"):
        check_booster(content, "model.json")
