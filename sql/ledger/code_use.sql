-- One row per source, table, code system, code and name as reported tonight, with its rows.
select
    source,
    table_name,
    code_system,
    code,
    name,
    is_listed,
    rows
from work.code_use
order by all;
