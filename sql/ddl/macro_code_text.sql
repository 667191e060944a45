-- One code as it is compared: trimmed, upper case.
create or replace temp macro code_text(reported) as
    upper(
        case
            when contains(reported, ' ') or contains(reported, chr(9)) or strlen(reported) <> length(reported)
                then tidy(reported)
            else reported
        end
    );
