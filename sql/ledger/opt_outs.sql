-- One row per person who opted out.
insert into store.opted_out by name
from (select source, person_hash from work.opted_out where not is_linked) as stated;
