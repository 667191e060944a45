-- One code as it is compared: trimmed, upper case.
create or replace temp macro code_text(reported) as
    upper(trim(case when is_exotic(reported) then tidy(reported) else reported end));
