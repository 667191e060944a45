-- One coded word as it is compared: lower case, dashes for spaces and underscores.
create or replace temp macro word(reported) as
    case
        when reported in ('final', 'active', 'completed', 'prescription') then reported
        else replace(replace(replace(lower(reported), ' ', '-'), '_', '-'), 'canceled', 'cancelled')
    end;
