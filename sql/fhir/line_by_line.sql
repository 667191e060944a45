-- One row per line of the registered stream `lines` that is not blank; a line that is no JSON is a row of nulls.
create or replace temp view resources as
select
    line_no,
    resource.*
from (
    select
        line_no,
        {resource} as resource
    from (
        select
            line_no,
            try(decode(line)) as line_text
        from lines
    ) as decoded
    where line_text is null or trim(line_text, ' ' || chr(9) || chr(13)) <> ''
) as transformed;
