-- No row: only laboratory results carry a sample.
create or replace temp table same_sample as
select row_no
from known
limit 0;
