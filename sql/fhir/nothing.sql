-- No row: the columns of a table.
select *
from {columns}
limit 0;
