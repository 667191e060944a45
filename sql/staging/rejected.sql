-- One row per line the parser rejected: the file, where it stands, whether the record runs over several lines.
select
    scans.file_path,
    errors.line,
    bool_or(contains(rtrim(errors.csv_line, chr(13) || chr(10)), chr(10))) as spans_lines
from reject_errors as errors
inner join reject_scans as scans on scans.scan_id = errors.scan_id and scans.file_id = errors.file_id
group by scans.file_path, errors.line
order by scans.file_path, errors.line;
