-- One text as its row is treated: 0 kept as it is, 1 trimmed, 2 blanked, because the person opted out.
create or replace temp macro treated(reported, treatment) as
    case treatment when 0 then reported when 1 then tidy(reported) end;
