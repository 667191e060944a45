-- One number: the rows of a query, written to a file.
copy ({query}) to {file} (
    -- Most columns hold another text in every row: looking for repeated ones costs more than it saves.
    format parquet, compression lz4_raw, write_bloom_filter false, dictionary_size_limit 1, row_group_size {rows}
);
