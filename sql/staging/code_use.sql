-- One row per source, table, code system, code and name with enough rows, of more than one person.
insert into work.code_use
select
    source,
    table_name,
    code_system,
    code,
    name,
    is_listed,
    sum(rows) as rows
from code_uses
group by all
having sum(rows) >= $min_rows and min(first_person) <> max(last_person);
