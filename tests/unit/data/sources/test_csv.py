import bz2
import gzip
import lzma
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError

START = np.datetime64("2024-01-01T00:00:00", "s")


def stamps(count=8, step=3600):
    return [str(time).replace("T", " ") for time in START + np.arange(count) * np.timedelta64(step, "s")]


def lines(rows, header="time,load,flow"):
    return "\n".join([header, *rows]) + "\n"


def plain(count=8, step=3600):
    return lines(f"{time},{i}.5,{i * i}" for i, time in enumerate(stamps(count, step)))


def write(folder, text, name="plant.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder, text, target="load", calendar=False, name="plant.csv", **options):
    return load(str(write(folder, text, name)), target, calendar=calendar, **options)


def test_a_plain_csv_is_read_as_it_is(tmp_path):
    series = read(tmp_path, plain())
    assert series.features == ("load", "flow")
    assert series.targets == ("load",)
    assert series.notes == ()
    assert series.name == "plant"
    assert (series.step, series.season) == (3600, 24)
    assert series.time.dtype == np.dtype("datetime64[s]")
    assert series.time[0] == START
    np.testing.assert_array_equal(series.values, [[i + 0.5, i * i] for i in range(8)])


def zstd(raw):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, bz2.compress, zstd])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_compressed_files_read_like_plain_ones(tmp_path, compress, kind):
    expected = read(tmp_path, plain())
    raw = plain().encode()
    if kind == "parquet":
        sink = pa.BufferOutputStream()
        table = pa.table(
            {"time": expected.time, "load": expected.values[:, 0], "flow": expected.values[:, 1]}
        )
        pq.write_table(table, sink)
        raw = sink.getvalue().to_pybytes()
    series = read(tmp_path, compress(raw), name="plant.bin")  # recognized by its first bytes, not its name
    assert series.features == expected.features
    np.testing.assert_array_equal(series.time, expected.time)
    np.testing.assert_array_equal(series.values, expected.values)


@pytest.mark.parametrize(
    "text",
    [
        plain().replace(",", ";"),
        plain().replace(",", "\t"),
        plain().replace(",", ";").replace(".", ","),
        plain().replace(",", " , "),
        plain().replace(",", '","').replace("\n", '"\n"').join(['"', ""])[:-1],
        plain().replace("\n", "\r\n"),
        "\ufeff" + plain(),
        plain().encode("utf-16"),
        plain().replace(" 0", "T0"),
        plain().replace("2024-01-01 0", "01/01/2024 0"),
        plain().replace("2024-01-01 0", "01.01.2024 0"),
        plain().replace("2024-01-01 0", "20240101 0"),
        plain().replace("2024-01-01 0", "2024/01/01 0").replace(":00:00", ":00"),
        plain().replace("time,", "date,clock,").replace("2024-01-01 0", "01/01/2024,0"),
        plain().replace("time,", "date,clock,").replace("2024-01-01 0", "2024-01-01,0"),
        plain().replace("00:00,", "00:00.250,").replace(":00:00.250", ":00:00.000"),
    ],
)
def test_dialects_of_numbers_and_dates_read_alike(tmp_path, text):
    expected, series = read(tmp_path, plain()), read(tmp_path, text)
    assert series.features == ("load", "flow")
    np.testing.assert_array_equal(series.time, expected.time)
    np.testing.assert_array_equal(series.values, expected.values)


def test_day_and_month_are_told_apart_by_the_steps_they_make(tmp_path):
    month_first = lines((f"{m:02d}/{d:02d}/2024,{d},0" for m in (1,) for d in range(1, 11)), "day,load,flow")
    assert read(tmp_path, month_first).step == 86_400
    day_first = lines((f"{d:02d}/01/2024,{d},0" for d in range(1, 11)), "day,load,flow")
    series = read(tmp_path, day_first)
    assert (series.step, series.season) == (86_400, 7)
    assert series.time[-1] == np.datetime64("2024-01-10")


@pytest.mark.parametrize("factor", [1, 1000, 10**6, 10**9])
def test_unix_times_are_told_by_their_size(tmp_path, factor):
    seconds = START.astype(np.int64)
    rows = [f"{(seconds + 60 * i) * factor},{i},0" for i in range(5)]
    series = read(tmp_path, lines(rows, "timestamp,load,flow"))
    assert series.time[1] == START + np.timedelta64(60, "s")
    assert series.features == ("load", "flow")


def test_times_with_an_offset_are_read_as_utc_and_noted(tmp_path):
    series = read(tmp_path, plain().replace(":00,", ":00+01:00,"))
    assert series.time[0] == START - np.timedelta64(3600, "s")
    assert series.notes == ("Times with an offset are read as UTC.",)


def test_unordered_double_and_missing_timestamps_are_mended_and_noted(tmp_path):
    times = stamps(8)
    rows = [(times[i], i) for i in (3, 0, 1)] + [(times[1], 11), (times[7], 7), (times[6], 6), ("", 9)]
    series = read(tmp_path, lines((f"{time},{value},{value}" for time, value in rows), "time,load,flow"))
    np.testing.assert_array_equal(series.column("load"), [0, 11, np.nan, 3, np.nan, np.nan, 6, 7])
    np.testing.assert_array_equal(series.time, START + np.arange(8) * np.timedelta64(3600, "s"))
    assert [note.split(" ")[0] for note in series.notes] == ["1", "The", "1", "3"]
    assert "left out" in series.notes[0]
    assert "sorted" in series.notes[1]
    assert "last of each was kept" in series.notes[2]
    assert "3 of 8 timestamps were missing" in series.notes[3]


def test_timestamps_off_the_grid_count_at_the_next_step_never_before_they_were_made(tmp_path):
    times = stamps(12, 60)
    times[3] = "2024-01-01 00:03:05"  # within a tenth of a step: on the grid
    times[5] = "2024-01-01 00:05:30"  # counts at 00:06, where the reading of 00:06 itself comes later
    times.pop(6)
    series = read(tmp_path, lines(f"{time},{time[-5:-3]}.{time[-2:]},0" for time in times))
    load_ = series.column("load")
    assert series.step == 60
    assert load_[3] == 3.05
    assert np.isnan(load_[5])
    assert load_[6] == 5.30
    assert any("2 timestamps lay between" in note for note in series.notes)


def test_a_stated_frequency_resamples_to_the_last_reading(tmp_path):
    series = read(tmp_path, plain(9, 900), frequency="1h")
    assert series.step == 3600
    np.testing.assert_array_equal(series.column("load"), [0.5, 4.5, 8.5])


def test_missing_marks_become_nan(tmp_path):
    marks = ["", "?", "NA", "NaN", "null", " - ", '"?"']
    rows = [f"{time},{mark},{i}" for i, (time, mark) in enumerate(zip(stamps(7), marks, strict=True))]
    rows.append(f"{stamps(8)[-1]}, 3 ,7")
    series = read(tmp_path, lines(rows))
    np.testing.assert_array_equal(series.column("load"), [np.nan] * 7 + [3])


def test_text_columns_are_left_out_by_name(tmp_path):
    text = lines(
        (f"{t},{i},ok,{'x' if i == 5 else i}" for i, t in enumerate(stamps())), "time,load,state,flow"
    )
    series = read(tmp_path, text)
    assert series.features == ("load",)
    assert series.notes == (
        "Column 'state' is not numeric ('ok' in row 1) and was left out.",
        "Column 'flow' is not numeric ('x' in row 6) and was left out. If 'x' stands for a missing value, set"
        " data.missing_values=[x].",
    )


def test_columns_are_chosen_and_targets_always_fed_in(tmp_path):
    text = lines((f"{t},{i},{i},{i}" for i, t in enumerate(stamps())), "time,load,flow,heat")
    series = read(tmp_path, text, target=["heat"], features=["flow"], known_ahead=["flow"], rows=5)
    assert series.features == ("flow", "heat")
    assert series.known_ahead == ("flow",)
    assert len(series) == 5
    assert read(tmp_path, text, target="all").targets == ("load", "flow", "heat")


def test_calendar_is_added_as_far_as_it_changes(tmp_path):
    assert len(read(tmp_path, plain(), calendar=True).features) == 6
    daily = read(tmp_path, plain(8, 86_400), calendar=True)
    assert daily.features[2:] == ("day_of_week_sin", "day_of_week_cos")
    assert daily.known_ahead == daily.features[2:]
    assert len(read(tmp_path, plain(8, 7 * 86_400), calendar=True).features) == 2
    # 2024-01-01 is a Monday, the first day of the week.
    np.testing.assert_allclose(daily.column("day_of_week_sin")[:2], [0, np.sin(2 * np.pi / 7)], rtol=1e-6)


def test_equal_data_have_equal_hashes_and_a_changed_value_another(tmp_path):
    first, same = read(tmp_path, plain()), read(tmp_path, plain(), name="copy.csv")
    assert first.data_hash() == same.data_hash()
    assert len(first.data_hash()) == 16
    assert read(tmp_path, plain().replace("3.5", "3.6")).data_hash() != first.data_hash()
    assert read(tmp_path, plain(), target="flow").data_hash() != first.data_hash()


def infinite():
    return plain().replace("4.5", "inf")


WRONG = {
    "empty": ("", {}, "is empty"),
    "blank": ("\n\n", {}, "is empty"),
    "header only": ("time,load\n", {}, "no row below its header"),
    "one row": (plain(1), {}, "one row only"),
    "no header": ("1,2\n3,4\n5,6\n", {}, "no header"),
    "one column": ("load\n1\n2\n", {}, "not a CSV table"),
    "ragged": ("time,load\n2024-01-01,1\n2024-01-02\n", {}, "not a regular CSV table"),
    "binary": (bytes(range(256)), {}, "neither CSV nor Parquet"),
    "spreadsheet": (b"PK\x03\x04rest", {}, "unpack it, or save it as CSV"),
    "cut gz": (gzip.compress(plain().encode())[:-12], {}, "damaged"),
    "cut xz": (lzma.compress(plain().encode())[:-12], {}, "damaged"),
    "cut zst": (zstd(plain().encode())[:-12], {}, "damaged"),
    "cut parquet": (b"PAR1 and no more", {}, "damaged Parquet"),
    "double column": (plain().replace("flow", "load"), {}, "two columns named 'load'"),
    "no time": ("a,b\n1,2\n3,4\n", {"target": "a"}, "No column reads as time"),
    "time not there": (plain(), {"time": "tim"}, "no column 'tim'.*Did you mean 'time'"),
    "time is none": (plain(), {"time": "load"}, "'load' does not read as time"),
    "bad stamp": (plain().replace("2024-01-01 03:00:00", "noon"), {"time": "time"}, "does not read as time"),
    "one time": (lines(["2024-01-01,1,2"] * 4), {}, "one and the same time"),
    "subsecond": (
        lines(f"2024-01-01 00:00:00.{i}00,1,2" for i in range(9)),
        {},
        "less than a second apart",
    ),
    "irregular": (
        lines(f"2024-01-01 0{i // 60}:{i % 60:02d}:00,{i},2" for i in (0, 10, 20, 33, 47, 94, 136, 301)),
        {},
        "timestamps are irregular.*data.frequency",
    ),
    "far stamp": (plain().replace("2024-01-01 07", "2094-01-01 07"), {}, "irregular.*longest gap"),
    "target not there": (plain(), {"target": "laod"}, "no numeric column 'laod'.*Did you mean 'load'"),
    "no target": (plain(), {"target": []}, "data.target is empty"),
    "text target": (plain().replace("4.5", "four"), {}, "'load' is not numeric .it holds 'four'"),
    "time target": (plain(), {"target": "time"}, "'time' is the time column"),
    "feature not there": (plain(), {"features": ["flaw"]}, "no numeric column 'flaw'.*Did you mean 'flow'"),
    "unknown known": (plain(), {"known_ahead": ["flo"]}, "no feature 'flo'.*Did you mean 'flow'"),
    "nothing numeric": (lines(f"{t},a,b" for t in stamps()), {"target": "all"}, "no numeric column"),
    "infinite": (infinite(), {}, "'load' has 1 infinite value.*row 5 .2024-01-01T04:00"),
    "all missing": (lines(f"{t},1{i},?" for i, t in enumerate(stamps())), {}, "'flow' has no value at all"),
    "frequency": (plain(), {"frequency": "often"}, "data.frequency is 'often'"),
    "frequency 0": (plain(), {"frequency": 0}, "data.frequency is 0"),
    "rows": (plain(), {"rows": -5}, "data.rows .* is -5"),
    "season": (plain(), {"season": 0}, "data.season is 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_in_one_sentence(tmp_path, case):
    text, options, message = WRONG[case]
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, text, **options)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    write(tmp_path, plain())
    with pytest.raises(UserError, match=r"no file .*plnt.csv.*Did you mean 'plant.csv'"):
        load(str(tmp_path / "plnt.csv"), "load")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="has no file"):
        load(str(tmp_path / "empty"), "load")
    with pytest.raises(UserError, match="no file"):
        load(str(tmp_path / "no" / "folder.csv"), "load")


def test_data_are_read_without_tensorflow_or_keras():
    code = (
        "import sys, tsforecast.data.sources.csv, tsforecast.data.sources.household_power,"
        " tsforecast.data.sources.synthetic, tsforecast.data.dataset, tsforecast.data.batches;"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
