-- One row per line of a file whose resources are no rows of a table.
select
    fate(resourcetype, '', false) as fate,
    line_no
from resources;
