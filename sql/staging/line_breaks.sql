-- One row: the records of a file, and how many further lines (empty ones aside) their quoted values take up.
select
    count(*) as records,
    coalesce(sum(list_sum(list_transform(
        [{columns}], lambda reported: len(regexp_extract_all(reported, '(?:\r?\n)+'))
    ))), 0) as further_lines
from every_column;
