"""Boosters in LightGBM's text format, whose parser trusts every count and index."""

import re

import numpy as np

from tsforecast.errors import UserError

MAX_LEAVES = 1 << 17  # of a tree; more than LightGBM grows
TREE = re.compile(rb"(\w+)=([^\n]*)\n")
SPLIT_FIELDS = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
INNER_FIELDS = ("internal_value", "internal_weight", "internal_count")
LEAF_FIELDS = ("leaf_value", "leaf_weight", "leaf_count")
CATEGORICAL = 1  # bit of decision_type
Fields = dict[str, bytes]


def check_booster(text: str, name: str) -> None:
    """Refuse a booster whose counts and indices do not fit each other, before LightGBM reads it.

    Args:
        text: The booster.
        name: Name of its file, for the message.

    Raises:
        UserError: Saying what is wrong.

    Example:
        >>> check_booster("num_class=1000000000", "model.json")
        Traceback (most recent call last):
        tsforecast.errors.UserError: model.json has a booster that is damaged (num_class is 1000000000): train it again.
    """
    content = text.encode()
    head, _, rest = content.partition(b"\n\n")
    try:
        header = _fields(head + b"\n")
        features = _check_header(header)
        sizes = _integers(header.get("tree_sizes", b""))
        for number, tree in enumerate(_split_trees(rest, sizes)):
            _check_tree(_fields(tree), features, f"tree {number:,}")
    except _Damage as damage:
        raise UserError(f"{name} has a booster that is damaged ({damage}): train it again.") from None


class _Damage(Exception):
    """What is wrong, in words."""


def _check_header(header: Fields) -> int:
    """Return the number of features."""
    for key, least, most in (("num_class", 1, 1), ("num_tree_per_iteration", 1, 1)):
        if not least <= _integer(header, key) <= most:
            raise _Damage(f"{key} is {header[key].decode()[:20]}")
    features = _integer(header, "max_feature_idx") + 1
    for key in ("feature_names", "feature_infos"):
        if len(header.get(key, b"").split(b" ")) != features:
            raise _Damage(f"{key} does not have the {features:,} entries of max_feature_idx")
    return features


def _split_trees(content: bytes, sizes: np.ndarray) -> list[bytes]:
    """Return the text of each tree; LightGBM jumps from one to the next by their sizes."""
    if (sizes < 1).any() or sizes.sum() > len(content):
        raise _Damage("tree_sizes do not fit the text")
    ends = np.cumsum(sizes).tolist()
    trees = [content[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    for number, tree in enumerate(trees):
        if not tree.startswith(b"Tree=%d\n" % number):
            raise _Damage("tree_sizes do not fit the text")
    if not content[sum(map(len, trees)) :].startswith(b"end of trees"):
        raise _Damage("there are more trees than tree_sizes")
    return trees


def _check_tree(tree: Fields, features: int, name: str) -> None:
    leaves, categories = _integer(tree, "num_leaves"), _integer(tree, "num_cat")
    if not 1 <= leaves <= MAX_LEAVES:
        raise _Damage(f"{name} has {leaves:,} leaves")
    if tree.get("is_linear", b"0") != b"0":
        raise _Damage(f"{name} has linear leaves")
    if leaves == 1:  # LightGBM reads no more than the value then
        return _check_lengths(tree, LEAF_FIELDS[:1], leaves, name)
    _check_lengths(tree, LEAF_FIELDS, leaves, name)
    _check_lengths(tree, SPLIT_FIELDS, leaves - 1, name)
    _check_lengths(tree, INNER_FIELDS, leaves - 1, name)
    split = _integers(tree["split_feature"])
    if len(split) != leaves - 1 or (split < 0).any() or (split >= features).any():
        raise _Damage(f"{name} splits by a feature that there is not")
    parents = np.arange(leaves - 1)
    for side in ("left_child", "right_child"):
        child = _integers(tree[side])
        is_inner = child >= 0
        if (
            (child[is_inner] <= parents[is_inner]).any()
            or (child >= leaves - 1).any()
            or (child < -leaves).any()
        ):
            raise _Damage(f"{name} has a branch that leads nowhere")
    _check_categories(tree, categories, leaves, name)


def _check_categories(tree: Fields, count: int, leaves: int, name: str) -> None:
    by_category = _integers(tree["decision_type"]) & CATEGORICAL == CATEGORICAL
    if not by_category.any() and not count:
        return
    if not 0 < count < leaves:
        raise _Damage(f"{name} has {count:,} splits by category")
    bounds = _integers(tree.get("cat_boundaries", b""))
    words = tree.get("cat_threshold", b"").split()
    if len(bounds) != count + 1 or bounds[0] != 0 or (np.diff(bounds) < 0).any() or bounds[-1] != len(words):
        raise _Damage(f"{name} has categories that do not fit cat_boundaries")
    which = np.array([float(value) for value in tree["threshold"].split()])[by_category]
    if not ((which >= 0) & (which < count)).all():
        raise _Damage(f"{name} splits by categories that there are not")


def _check_lengths(tree: Fields, names: tuple[str, ...], length: int, tree_name: str) -> None:
    for name in names:
        if name in tree and len(tree[name].split()) != length:
            raise _Damage(f"{name} of {tree_name} does not have {length:,} entries")
        if name not in tree and name in (*SPLIT_FIELDS, "leaf_value") and name != "split_gain":
            raise _Damage(f"{tree_name} has no {name}")


def _fields(content: bytes) -> Fields:
    return {match[1].decode(): match[2] for match in TREE.finditer(content)}


def _integer(fields: Fields, key: str) -> int:
    value = fields.get(key, b"")
    if not value.isdigit() or len(value) > 10:
        raise _Damage(f"{key} is {value.decode(errors='replace')[:20] or 'missing'}")
    return int(value)


def _integers(value: bytes) -> np.ndarray:
    try:
        return np.array(value.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        raise _Damage(f"{value.decode(errors='replace')[:20]!r} has no whole numbers") from None
