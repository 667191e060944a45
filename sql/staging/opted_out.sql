-- One row per identifier of which any row says, or may say, that its person opted out.
-- Who opted out before stays so: of an increment until tonight's rows say no and only no, of a snapshot until it
-- holds a row of the person again, of a source that is not read tonight as long as that.
insert into work.opted_out
select
    source,
    key_hash as person_hash,
    false as is_linked
from patients_reported
where is_opted_out and patient_id is not null
union
select
    stored.source,
    stored.person_hash,
    false as is_linked
from store.opted_out as stored
left join work.sources on sources.source = stored.source
where case sources.mode
    when 'increment' then stored.person_hash not in (select key_hash from patients_reported where is_opted_in)
    when 'snapshot' then stored.person_hash not in (select key_hash from patients_reported)
    else true
end;
