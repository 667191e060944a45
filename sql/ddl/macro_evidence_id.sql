-- One identifier of a row that a person can look up: the record's own, else `row-` and twelve digits of its hash.
create or replace temp macro evidence_id(record_id, content_hash) as
    coalesce(record_id, 'row-' || left(lpad(lower(to_hex(content_hash)), 32, '0'), 12));
