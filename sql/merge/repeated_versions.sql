-- One number: versions that the store holds more than once.
select count(*) - count(distinct content_hash)
from store.{table};
