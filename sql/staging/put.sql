-- One row per row of the registered frame `given`.
create or replace temp table {name} as
from given;
