-- One row per distinct valid row of tonight that the store does not hold, or that came back to it.
create or replace temp table fresh as
select
    staged.row_no,
    staged.content_hash
from tonight_{table} as staged -- noqa: LT01
where staged.content_hash not in (select content_hash from store.{table} where absent_since_run is null);
