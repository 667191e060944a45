-- No row: every medicine is named where it stands.
create or replace temp table drugs (id varchar, concept {concept});
