from tsforecast.comparison.names import MAX_LENGTH, name_runs


def test_short_names_say_everything():
    assert name_runs([{"model": "gru", "rate": 0.001}, {"model": "lstm", "rate": 0.1}]) == [
        "model=gru rate=0.001",
        "model=lstm rate=0.1",
    ]


def test_long_names_keep_the_keys_that_tell_runs_apart():
    # The first key tells nothing that the second does not, and the last one tells all.
    axes = [
        {
            "a_key_with_a_rather_long_name": f"value-number-{i // 4}",
            "supervision": "dense" if i < 4 else "last",
            "filler": 7,
            "batch_size": i,
        }
        for i in range(8)
    ]
    found = name_runs(axes)
    assert len(set(found)) == 8
    assert all(len(name) <= MAX_LENGTH for name in found)
    assert all(name.endswith(f"batch_size={i} …") for i, name in enumerate(found))


def test_a_value_that_is_too_long_is_cut():
    for name in name_runs([{"rules": "x" * 100}, {"rules": "y" * 100}]):
        assert len(name) == MAX_LENGTH
        assert name.endswith("…")


def test_lists_are_written_without_blanks():
    assert name_runs([{"units": [128, 64]}, {"units": []}]) == ["units=[128,64]", "units=[]"]
