-- One row per distinct delivered row in scope of a person who did not opt out.
create or replace temp view distinct_{table} as
select
    staged.*,
    cast(staged.rowid as ubigint) as row_no
from work.{table} as staged
where
    not staged.is_opted_out
    and cast(staged.rowid as ubigint) not in (select row_no from work.duplicates where table_name = '{table}');
