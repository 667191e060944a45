-- One identifier of a concept; null where it is absent or says that there is no matching concept.
create or replace temp macro concept_of(written) as
    nullif(whole(written), '0');
