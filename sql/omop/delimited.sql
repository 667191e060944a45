-- One row per line of a delimited file that can be read, every value text.
select *
from read_csv( -- noqa: LT01
    {files},
    columns = {columns},
    auto_detect = false,
    header = true,
    delim = {delimiter},
    quote = {quote},
    escape = {quote},
    compression = {compression},
    strict_mode = true,
    null_padding = false,
    nullstr = '',
    max_line_size = {longest_line},
    store_rejects = true,
    rejects_table = 'reject_errors',
    rejects_scan = 'reject_scans',
    rejects_limit = 0
);
