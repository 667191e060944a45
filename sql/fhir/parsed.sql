-- One row per line of the files, parsed by the engine into typed columns; a line that is no JSON is a row of nulls.
create or replace temp view resources as
select
    *,
    cast(null as bigint) as line_no
from {lines};
