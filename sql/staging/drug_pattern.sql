-- One row: the pattern that finds any ingredient name as a whole word in a lower-case drug name.
select coalesce(
    '(?:^|[^\p{L}])(?:' || string_agg(regexp_escape(name), '|' order by name) || ')(?:[^\p{L}]|$)',
    '[^\s\S]'
)
from drug_names;
