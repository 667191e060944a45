-- One row per distinct valid row of tonight that the store does not hold, or that came back to it.
create or replace temp table fresh as
select staged.row_no
from distinct_{table} as staged -- noqa: LT01
where
    staged.row_no not in (select row_no from work.refused where table_name = '{table}')
    and staged.content_hash not in (select content_hash from store.{table} where absent_since_run is null);
