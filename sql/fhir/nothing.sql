-- No row: the columns of a table.
select {columns}
limit 0;
