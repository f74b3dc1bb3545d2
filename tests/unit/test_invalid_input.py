# ruff: noqa: E501
"""Tables that cannot be read are refused in one sentence: what is wrong, where, and what to do."""

import gzip
import io
import json
import lzma
import re
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError

INTERNAL = re.compile(
    r"arrow|pydantic|hydra|omegaconf|traceback|nonetype|int64|float64|datetime64|time32|date32|timestamp\[|dtype|"
    r"\bdouble\b|keyerror|valueerror|<class|object at|\bNaT\b|\.0{6,}|parse error|schema",
    re.IGNORECASE,
)
COUNT = 60


def stamp(index, step=3600, pattern="%Y-%m-%d %H:%M:%S", start="2024-01-01T00:00:00"):
    return (np.datetime64(start) + np.timedelta64(index * step, "s")).astype(object).strftime(pattern)


def table(*columns, header="time,load", separator=",", rows=COUNT):
    """A table of one function of the row for each column."""
    lines = [header, *(separator.join(str(column(i)) for column in columns) for i in range(rows))]
    return "\n".join(lines) + "\n"


def value(index):
    return round(10 + 3 * np.sin(index / 4), 3)


def with_time(write, **options):
    return table(write, value, **options)


def with_value(text, row=20, header="time,load"):
    """A good table with one other value."""
    return table(stamp, lambda i: text if i == row else value(i), header=header)


def with_stamp(text, row=20, **options):
    return with_time(lambda i: text if i == row else stamp(i, **options))


GOOD = table(stamp, value)
TWO = table(stamp, value, lambda i: i % 7, header="time,load,flow")


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", GOOD)
    return buffer.getvalue()


def parquet(**columns):
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


TIMES = pa.array(np.datetime64("2024-01-01T00:00:00", "s") + np.arange(COUNT) * np.timedelta64(3600, "s"))
LOAD = pa.array([float(value(i)) for i in range(COUNT)])

FILES = {
    "empty": ("", "is empty"),
    "blanks": (" \n\n\t\n", "is empty"),
    "zeros": (b"\x00" * 100, "is empty"),
    "byte order mark": ("\ufeff", "no line that is not blank or a comment"),
    "comments": ("# one\n# two\n", "no line|no row|one column only"),
    "header": ("time,load\n", "no row below its header"),
    "one row": ("time,load\n2024-01-01,1\n", "one row only"),
    "no header": (GOOD.split("\n", 1)[1], "no header.*'2024-01-01 00:00:00,10.0'.*name its columns"),
    "numbers alone": ("1,2\n3,4\n5,6\n", "no header.*'1,2'.*name its columns"),
    "one column": ("load\n1\n2\n", "first line 'load' names one column only.*separated by"),
    "title above": ("Report of load\n" + GOOD, "first line 'Report of load'.*begin them with #"),
    "percent comments": ("% made today\n" + GOOD, "first line '% made today'.*begin them with #"),
    "blanks between": (GOOD.replace(",", "  ").replace(" 0", "T0"), "one column only.*separated by"),
    "fixed width": ("time load\n" + "2024-01-01T00 1\n" * 9, "one column only.*separated by"),
    "carets": (GOOD.replace(",", "^"), "'time\\^load' names one column only"),
    "quoted lines": ("\n".join(f'"{line}"' for line in GOOD.splitlines()), "one column only"),
    "json": (json.dumps([{"time": stamp(i), "load": i} for i in range(9)]), "holds JSON.*save the data as CSV"),
    "json lines": ("\n".join(json.dumps({"time": stamp(i), "load": i}) for i in range(9)), "JSON.*as CSV or Parquet"),
    "pretty json": (json.dumps({"time": [1, 2], "load": [3, 4]}, indent=1), "holds JSON"),
    "html": ("<!DOCTYPE html>\n<html><body>404, not found</body></html>\n", "an HTML page.*save the data as CSV"),
    "html table": ("<html><table><tr><td>time</td><td>load</td></tr></table></html>", "an HTML page"),
    "xml": ("<?xml version='1.0'?>\n<rows>\n<r t='1'/>\n</rows>\n", "holds XML.*save the data as CSV"),
    "zip": (zipped(), "ZIP archive or a spreadsheet: unpack it"),
    "old spreadsheet": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "neither CSV nor Parquet.*save it as CSV"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "neither CSV nor Parquet"),
    "utf-16 without a mark": (GOOD.encode("utf-16-le"), "neither CSV nor Parquet.*UTF-8"),
    "utf-32": (GOOD.encode("utf-32"), "written in UTF-32: save it in UTF-8"),
    "zero byte": (GOOD.replace("10.0", "1\x000"), "neither CSV nor Parquet"),
    "cut gzip": (gzip.compress(GOOD.encode())[:-20], "is damaged.*download it again"),
    "gzip head": (b"\x1f\x8b\x08\x00abc", "is damaged.*download it again"),
    "gzip and more": (gzip.compress(GOOD.encode()) + b"more", "is damaged"),
    "gzip checksum": (gzip.compress(GOOD.encode())[:-8] + bytes(8), "is damaged"),
    "cut xz": (lzma.compress(GOOD.encode())[:-20], "is damaged.*download it again"),
    "cut bz2": (b"BZh91AY&SY", "is damaged"),
    "cut zstd": (pa.Codec("zstd").compress(GOOD.encode(), asbytes=True)[:-20], "is damaged"),
    "gzip of gzip": (gzip.compress(gzip.compress(GOOD.encode())), "neither CSV nor Parquet"),
    "parquet head": (b"PAR1abc", "is a damaged Parquet file.*download it again"),
    "cut parquet": (parquet(time=TIMES, load=LOAD)[:-40], "is a damaged Parquet file"),
    "empty parquet": (parquet(time=TIMES[:0], load=LOAD[:0]), "no row"),
    "parquet without time": (parquet(load=LOAD, flow=LOAD), "No column reads as time"),
    "parquet of text": (parquet(time=TIMES, load=pa.array(["x"] * COUNT)), "'load'.*not numeric.*'x'"),
    "parquet of lists": (parquet(time=TIMES, load=pa.array([[1.0]] * COUNT)), "'load'.*not numeric.*lists"),
    "parquet of dates": (parquet(time=TIMES, load=TIMES.cast("date64")), "'load'.*not numeric.*dates"),
    "parquet infinite": (parquet(time=TIMES, load=pa.array([1.0] * 59 + [float("inf")])), "'load'.*infinite.*row 60"),
    "short line": (GOOD.replace(",10.0\n", "\n", 1), "line 2, '2024-01-01 00:00:00', has 1 value and the header 2"),
    "long line": (GOOD.replace("10.0", "10.0,5", 1), "line 2.*has 3 values and the header 2"),
    "decimal commas": (GOOD.replace(".", ","), "line 2, '2024-01-01 00:00:00,10,0', has 3 values.*quote"),
    "last line cut": (GOOD + "2024-01", "line 62, '2024-01', has 1 value"),
    "footer": (GOOD + "Source: somebody\n", "line 62, 'Source: somebody', has 1 value.*delete the line"),
    "end of file mark": (GOOD + "\x1a", "line 62.*has 1 value"),
    "no end of quotes": (GOOD.replace("2024-01-01 05", '"2024-01-01 05'), "line 7.*1 value|close all quotes"),
    "name on two lines": ('time,"load\n[kW]"\n' + GOOD.split("\n", 1)[1], "line 2.*1 value"),
    "row names": (table(lambda i: i, stamp, value), "3 values and the header 2"),
    "wide": ("name," + ",".join(stamp(i) for i in range(20)) + "\nload" + ",1" * 20 + "\n", "one row only"),
}  # fmt: skip
STAMPS = {
    "word": (with_stamp("noon"), "'noon' in row 21 is not a time"),
    "total": (GOOD + "Total,600\n", "'Total' in row 61 is not a time"),
    "second header": (GOOD + GOOD, "'time' in row 61 is not a time"),
    "comment with a comma": (GOOD.replace("2024-01-01 05", "# no, 1\n2024-01-01 05"), "'# no' in row 6"),
    "no such day": (with_time(lambda i: stamp(i, 86_400, "%d/%m/%Y") if i != 31 else "31/02/2024"), "'31/02/2024' in row 32"),
    "no such day iso": (with_time(lambda i: stamp(i, 86_400)[:10] if i != 40 else "2024-02-30"), "'2024-02-30' in row 41"),
    "no leap year": (with_time(lambda i: stamp(i, 86_400, start="2023-02-01T00:00")[:10] if i != 28 else "2023-02-29"), "'2023-02-29' in row 29"),
    "hour 25": (with_stamp("2024-01-01 25:00:00"), "'2024-01-01 25:00:00' in row 21"),
    "minute 60": (with_stamp("2024-01-01 20:60:00"), "'2024-01-01 20:60:00' in row 21"),
    "month 13": (with_stamp("2024-13-01 00:00:00"), "'2024-13-01 00:00:00' in row 21"),
    "after 24:00": (with_stamp("2024-01-01 24:10:00"), "'2024-01-01 24:10:00' in row 21"),
    "far future": (with_stamp("9999-12-31 00:00:00"), "'9999-12-31 00:00:00' in row 21"),
    "far past": (with_stamp("0001-01-01 00:00:00"), "'0001-01-01 00:00:00' in row 21"),
    "one offset": (with_stamp("2024-01-01 20:00:00+01:00"), "'2024-01-01 20:00:00\\+01:00'.*row 21.*has an offset"),
    "one without offset": (with_time(lambda i: stamp(i) + "Z" * (i != 20)), "'2024-01-01 20:00:00'.*row 21.*no offset"),
    "another layout": (with_stamp("31.01.2024 20:00"), "'31.01.2024 20:00' in row 21"),
    "am and pm at times": (with_time(lambda i: stamp(i, 3600, "%m/%d/%Y %I:%M %p" if i % 3 == 0 else "%m/%d/%Y %H:%M")), "'01/01/2024 12:00 AM' in row 1"),
    "half days": (with_time(lambda i: stamp(i, 3600, "%d.%m.%Y %I:%M")), "same time|all hours are 1 to 12.*AM or PM"),
    "half days of work": (with_time(lambda i: stamp(i // 8 * 24 + 8 + i % 8, 3600, "%d.%m.%Y %I:%M")), "after '01.01.2024 12:00'.*row 5.*all hours are 1 to 12: add AM or PM"),
    "name of a zone": (with_time(lambda i: stamp(i) + " CET"), "'2024-01-01 00:00:00 CET' in row 1.*data.time"),
    "durations": (with_time(lambda i: f"PT{i}H"), "'PT0H' in row 1"),
    "counter": (with_time(lambda i: i), "No column reads as time.*'0' in row 1"),
    "day numbers of Julius": (with_time(lambda i: 2_460_310.5 + i), "No column reads as time.*2460310.5"),
    "unix minutes": (with_time(lambda i: 28_401_120 + i), "No column reads as time.*28401120"),
    "unix hours": (with_time(lambda i: 473_352 + i), "No column reads as time.*473352"),
    "fiscal years": (with_time(lambda i: f"{1960 + i}/{(61 + i) % 100:02d}", header="year,load"), "'1960/61' in row 1"),
    "day of the year": (with_time(lambda i: f"2024-{i + 1:03d}", header="date,load"), "'2024-001' in row 1"),
    "week without W": (with_time(lambda i: stamp(i, 604_800, "%G-%V"), header="week,load"), "No column reads as time"),
    "brackets": (with_time(lambda i: f"[{stamp(i)}]"), "'\\[2024-01-01 00:00:00\\]' in row 1"),
    "day before month": (with_time(lambda i: stamp(i, 86_400, "%Y-%d-%m"), rows=80), "'2024-13-01' in row 13"),
    "no times": (table(value, value, header="a,b"), "No column reads as time \\(columns: a, b\\)"),
    "one time": (with_time(lambda i: "2024-01-01 00:00"), "one and the same time, 2024-01-01T00:00:00"),
    "times of merged cells": (with_time(lambda i: stamp(i, 3600) if i % 6 == 0 else ""), "row 2 has values but no time in 'time'.*50 of 60"),
    "milliseconds apart": (with_time(lambda i: f"2024-01-01 00:00:00.{i:03d}"), "less than a second apart"),
    "random": (with_time(lambda i: stamp(int(np.random.default_rng(i).integers(10**7)), 1)), "irregular"),
    "mostly gaps": (with_time(lambda i: stamp(i if i < 40 else i * 1000)), "irregular: steps of 1 h.*longest gap"),
}  # fmt: skip
ROWS = {
    "ids": (table(lambda i: stamp(i // 2), lambda i: "ab"[i % 2], value, header="time,id,load"), {}, "[Rr]ows? 1 and (row )?2 have the same time.*'id'.*data.where"),
    "number ids": (table(lambda i: stamp(i // 3), lambda i: i % 3 + 7, value, header="time,meter,load"), {}, "'meter' \\(7, 8, 9\\)"),
    "invoices": (table(lambda i: stamp(i // 7), lambda i: f"item {i * 7 % 13}", value, header="time,item,load"), {}, "same time.*'item'"),
    "repeated": (with_time(lambda i: stamp(i // 2)), {}, "[Rr]ows? 1 and (row )?2 have the same time, 2024-01-01T00:00:00.*no column.*data.duplicates"),
    "unknown id": (TWO, {"where": "flow = 99"}, "data.where: 'flow = 99' selects 0 of 60 rows"),
    "no such column": (TWO, {"where": "flw = 9"}, "no column 'flw'. Did you mean 'flow'"),
    "no condition": (TWO, {"where": "flow"}, "data.where is 'flow': compare one column"),
    "two conditions": (TWO, {"where": "flow = 1 and load = 2"}, "data.where"),
    "text for a number": (TWO, {"where": "flow < x"}, "'x' is not a number.*'flow'"),
    "order of text": (table(stamp, lambda i: "ab"[i % 2], value, header="time,id,load"), {"where": "id < 'b'"}, "'id' holds text, which < does not compare"),
    "way to merge": (GOOD, {"duplicates": "lats"}, "data.duplicates is 'lats'.*Did you mean 'last'"),
    "decimal": (GOOD, {"decimal": "coma"}, "data.decimal is 'coma': write point or comma"),
    "markers": (GOOD, {"missing_values": [True]}, "data.missing_values"),
    "frequency": (GOOD, {"frequency": "often"}, "data.frequency is 'often': write it as 15min"),
    "frequency of zero": (GOOD, {"frequency": "0h"}, "data.frequency is '0h'"),
    "season": (GOOD, {"season": 0}, "data.season is 0: give a whole number"),
    "half a season": (GOOD, {"season": 2.5}, "data.season is 2.5"),
    "rows": (GOOD, {"rows": 0}, "is 0: give a whole number of at least 1"),
    "time": (GOOD, {"time": "stamp"}, "no column 'stamp'.*The file has time, load"),
    "time near": (GOOD, {"time": "tme"}, "no column 'tme'. Did you mean 'time'"),
    "time of numbers": (GOOD, {"time": "load"}, "column 'load' does not read as time: '10' in row 1|'10.0?' in row 1"),
    "clock of words": (table(lambda i: stamp(i)[:10], lambda i: "noon", value, header="date,clock,load"), {"time": ["date", "clock"]}, "'clock' does not read as time: 'noon' in row 1.*13:45"),
    "clock of 25": (table(lambda i: stamp(i)[:10], lambda i: i % 30, value, header="date,hour,load"), {"time": ["date", "hour"]}, "'hour' does not read as time|irregular"),
    "parts": (table(lambda i: 2024, lambda i: 13, lambda i: 1, value, header="year,month,day,load"), {"time": ["year", "month", "day"]}, "'13' in row 1|does not read as time"),
    "target": (GOOD, {"target": "laod"}, "no numeric column 'laod'. Did you mean 'load'"),
    "target of time": (GOOD, {"target": "time"}, "'time' is the time column; choose another"),
    "no target": (GOOD, {"target": []}, "data.target is empty: name one of load"),
    "feature": (TWO, {"features": ["flaw"]}, "data.features.*'flaw'. Did you mean 'flow'"),
    "known ahead": (TWO, {"known_ahead": ["flaw"]}, "no feature 'flaw'. Did you mean 'flow'"),
    "two of a name": (table(stamp, value, value, header="time,load,load"), {}, "two columns named 'load': rename one"),
    "two times": (table(stamp, stamp, value, header="time,time,load"), {"time": "time"}, "two columns named 'time'"),
    "no numbers": (table(stamp, lambda i: "x", header="time,name"), {"target": "all"}, "no numeric column"),
}  # fmt: skip
CELLS = {
    "word": "four", "unit": "12 kW", "percent": "45%", "money": '"$1,234.50"', "euro": "5 €", "brackets": "(123)",
    "minus behind": "123-", "en dash": "\u20135", "full width": "\uff11\uff12", "hexadecimal": "0x1F",
    "underscore": "1_000", "fortran": "1.5D+03", "fraction": "1/2", "duration": "1:30", "less": "<0.5",
    "flag": "0.5*", "letter": "5E", "thousand": "10k", "formula": "=A1+2", "complex": "1+2j", "yes": "yes",
    "backtick": "`5`", "two points": "1.2.3", "plus minus": "5±1", "date": "2024-01-01", "error": "Error 7",
    "infinite": "inf", "minus infinite": "-inf", "too large": "1e400", "Indian": '"1,23,456"', "excel": '"=""5"""',
    "stars": "***", "sign alone": "+", "e alone": "e5", "apostrophes": "1''000", "mixed": "12abc", "zero width": "\u200b5",
}  # fmt: skip
BAD = {
    **{f"file: {name}": (content, {}, words) for name, (content, words) in FILES.items()},
    **{f"time: {name}": (content, {}, words) for name, (content, words) in STAMPS.items()},
    **{f"rows: {name}": case for name, case in ROWS.items()},
    **{f"cell: {name}": (with_value(cell), {}, "'load' .*") for name, cell in CELLS.items()},
}


def refuse(tmp_path, content, options):
    """Return the sentence by which a table is refused."""
    path = tmp_path / "plant.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as caught:
        load(str(path), **{"target": "load", "calendar": False, **options})
    return str(caught.value)


@pytest.mark.parametrize("case", BAD)
def test_a_table_that_cannot_be_read_is_refused_in_one_sentence(tmp_path, case):
    content, options, words = BAD[case]
    sentence = refuse(tmp_path, content, options)
    assert re.search(words, sentence), sentence
    assert not INTERNAL.search(sentence.replace(str(tmp_path), "")), sentence
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_that_is_not_a_number_is_shown_as_it_is(tmp_path, name):
    sentence = refuse(tmp_path, with_value(CELLS[name]), {})
    if not re.search("infinite", sentence):
        core = CELLS[name].strip('"').replace('""', '"').strip("\"'=")
        assert core.encode("unicode_escape").decode() in sentence or core in sentence, sentence


def test_there_are_enough_cases():
    assert len(BAD) >= 150
