-- One row per person who opted out.
insert into store.opted_out by name
from work.opted_out;
