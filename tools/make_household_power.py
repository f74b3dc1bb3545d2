"""Make household_power.parquet from the source file: ``python tools/make_household_power.py SOURCE.csv[.xz] [OUTPUT]``.

Every value of the source has at most three decimals, so whole numbers in the smallest unit (W, VAr, cV, dA, Wh) hold
it without loss. Neighboring minutes differ little, so delta encoding makes them small. The minutes have no gap, so
a start and a step replace the time column. The result is read back and compared with the source.
"""

import lzma
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

# Column of the source -> (column here, smallest units in one unit of the source).
COLUMNS = {
    "Global_active_power": ("global_active_power_W", 1000),
    "Global_reactive_power": ("global_reactive_power_VAr", 1000),
    "Voltage": ("voltage_cV", 100),
    "Global_intensity": ("global_intensity_dA", 10),
    "Sub_metering_1": ("sub_metering_1_Wh", 1),
    "Sub_metering_2": ("sub_metering_2_Wh", 1),
    "Sub_metering_3": ("sub_metering_3_Wh", 1),
}
OUTPUT = Path(__file__).parents[1] / "tsforecast/data/sources/household_power/household_power.parquet"
STEP_SECONDS = 60
ROW_GROUP = 100_000  # a reader of the first n rows decodes at most this many rows too many


def read_source(path: Path) -> pa.Table:
    """Return the source's columns: text for date and time, float64 with nulls for the rest."""
    raw = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    types = {"Date": pa.string(), "Time": pa.string(), **dict.fromkeys(COLUMNS, pa.float64())}
    separator = ";" if b";" in raw[:200] else ","
    return pyarrow.csv.read_csv(
        pa.BufferReader(raw),
        parse_options=pyarrow.csv.ParseOptions(delimiter=separator),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types, null_values=["", "?"]),
    )


def minutes(source: pa.Table) -> np.ndarray:
    """Return the time of each row ``[N]`` datetime64[s]; exit if a minute is missing or double."""
    text = pc.binary_join_element_wise(source["Date"], source["Time"], " ")
    time = pc.strptime(text, "%d/%m/%Y %H:%M:%S", "s").to_numpy()
    if not (np.diff(time) == np.timedelta64(STEP_SECONDS, "s")).all():
        raise SystemExit("The source has a gap in its minutes; this format has no time column to show it.")
    return time


def convert(source: pa.Table) -> pa.Table:
    """Return whole numbers in the smallest units, null where missing, with start and step as metadata."""
    columns = {}
    for name, (ours, units) in COLUMNS.items():
        columns[ours] = pc.round(pc.multiply(source[name], float(units))).cast(pa.int32())
    start = str(minutes(source)[0])
    table = pa.table(columns)
    return table.replace_schema_metadata({"start": start, "step_seconds": str(STEP_SECONDS)})


def write(table: pa.Table, path: Path) -> str:
    """Write a table with the codec that makes it smaller, and return that codec's name."""
    sizes = {}
    for codec, level in (("zstd", 22), ("brotli", 11)):
        sink = pa.BufferOutputStream()
        pq.write_table(
            table,
            sink,
            row_group_size=ROW_GROUP,
            compression=codec,
            compression_level=level,
            use_dictionary=False,
            column_encoding=dict.fromkeys(table.column_names, "DELTA_BINARY_PACKED"),
            write_statistics=False,
        )
        sizes[codec] = sink.getvalue()
        print(f"{codec} {level}: {sizes[codec].size:,} bytes")
    best = min(sizes, key=lambda codec: sizes[codec].size)
    path.write_bytes(sizes[best])
    return best


def verify(source: pa.Table, path: Path) -> None:
    """Exit unless the file gives back every value and every null of the source exactly."""
    table = pq.read_table(path)
    for name, (ours, units) in COLUMNS.items():
        back = pc.divide(table[ours].cast(pa.float64()), float(units))
        if not back.combine_chunks().equals(source[name].combine_chunks()):
            raise SystemExit(f"{name} does not come back unchanged.")


def main(source_path: str, output: str = str(OUTPUT)) -> None:
    """Convert, write and verify."""
    source = read_source(Path(source_path))
    codec = write(convert(source), Path(output))
    verify(source, Path(output))
    print(f"{output}: {Path(output).stat().st_size:,} bytes ({codec}), {source.num_rows:,} rows verified")


if __name__ == "__main__":
    main(*sys.argv[1:])
