-- One row per distinct delivered row in scope of a person who did not opt out.
create or replace temp view distinct_{table} as
select
    staged.*,
    cast(staged.rowid as ubigint) as row_no
from work.{table} as staged
where
    not staged.is_opted_out
    and not exists (
        from work.duplicates as again
        where again.table_name = '{table}' and again.row_no = staged.rowid
    );
