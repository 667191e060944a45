-- One row: the rows of a file read, and how many further lines their values take up.
select
    count(*) as rows,
    coalesce(sum(len(regexp_extract_all(concat_ws('|', *columns(*)), '(\r?\n)+'))), 0) as further_lines
from read_parquet({file}); -- noqa: LT01
