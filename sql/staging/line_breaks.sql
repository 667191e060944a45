-- One row: the records of a file, and how many further lines (empty ones aside) their quoted values take up.
-- A further line with as many separators as a record has was a record: a stray quote swallowed it.
select
    count(*) as records,
    coalesce(sum(list_sum(list_transform(
        [{columns}], lambda reported: len(regexp_extract_all(reported, '(?:\r?\n)+'))
    ))), 0) as further_lines,
    coalesce(sum(list_sum(list_transform(
        [{columns}], lambda reported: len(list_filter(
            string_split(reported, chr(10))[2:],
            lambda further: length(further) - length(replace(further, $delimiter, '')) >= $separators
        ))
    ))), 0) as swallowed
from every_column;
