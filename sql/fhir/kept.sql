-- One number: the rows of a query, written to a file.
-- Most columns hold another text in every row: beyond a few, repeated ones are not worth looking for.
copy ({query}) to {file} (
    format parquet,
    compression lz4_raw,
    write_bloom_filter false,
    dictionary_size_limit {distinct},
    row_group_size {rows}
);
