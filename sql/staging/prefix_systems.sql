-- One row per code system whose codes match by prefix.
create or replace temp table prefix_systems as
select distinct system
from pack_codes
where match = 'prefix';
