-- No row: people are known by their resource id.
create or replace temp table people (id varchar, known_as varchar);
