"""Score a folder of Parquet files of any size with a model file, at constant memory.

`fastnn predict` does this from the shell; here the columns, what is written and its names are yours.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

import fastnn


def main() -> None:
    """Write each row's largest output and which one it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="any file that fastnn.open_model reads")
    parser.add_argument("folder", type=Path, help="Parquet files, with a column of numbers for each input")
    parser.add_argument("scores", type=Path, help="the Parquet file to write")
    options = parser.parse_args()

    try:
        net = fastnn.open_model(options.model)
    except (OSError, ImportError, fastnn.ModelFileError) as error:
        parser.error(str(error))
    files = sorted(options.folder.glob("*.parquet"))
    if not files:
        parser.error(f"{options.folder} has no Parquet files")
    data = pa.dataset.dataset(files, format="parquet")
    if len(data.schema) != net.n_inputs:
        raise SystemExit(f"{options.folder} has {len(data.schema)} columns, the model {net.n_inputs} inputs")

    blocks = (
        np.column_stack([column.to_numpy(zero_copy_only=False) for column in batch.columns])
        for batch in data.to_batches(batch_size=65_536)
        if batch.num_rows
    )
    schema = pa.schema({"class": pa.int32(), "score": pa.from_numpy_dtype(net.dtype)})
    rows = 0
    with pa.parquet.ParquetWriter(options.scores, schema) as file:
        for y in net.iter_predict(blocks):
            classes = y.argmax(axis=1).astype(np.int32)
            file.write_table(pa.table([classes, y.max(axis=1)], schema=schema))
            rows += len(y)
    print(f"{rows:,} rows of {len(data.files)} files scored")


if __name__ == "__main__":
    main()
