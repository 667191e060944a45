-- One row per file of a group: its records, as the parser told them apart.
update work.parts
set rows_parsed = $rows_parsed
where part_no = $part_no;
