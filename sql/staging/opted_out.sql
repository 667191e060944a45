-- One row per identifier of which any row says, or may say, that its person opted out.
-- Of an increment source also who opted out before, unless tonight's rows say no and only no.
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
inner join work.sources on sources.source = stored.source and sources.mode = 'increment'
where stored.person_hash not in (select key_hash from patients_reported where is_opted_in);
