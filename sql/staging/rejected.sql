-- One row per line the parser rejected.
-- The file, the byte at which the line begins (from 1), and whether the record runs over several lines.
-- Where lines end in carriage return and line feed, the parser's line begins with the line feed of the one before.
select
    scans.file_path,
    errors.line_byte_position + case when starts_with(errors.csv_line, chr(10)) then 1 else 0 end as begins_at,
    bool_or(contains(trim(errors.csv_line, chr(13) || chr(10)), chr(10))) as spans_lines
from reject_errors as errors
inner join reject_scans as scans on scans.scan_id = errors.scan_id and scans.file_id = errors.file_id
group by all
order by all;
