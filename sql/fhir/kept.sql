-- One number: the rows of a query, written to a file.
copy ({query}) to {file} (
    format parquet, compression lz4_raw, write_bloom_filter false, row_group_size {rows}
);
