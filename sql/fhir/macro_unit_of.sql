-- One code: the unit of a quantity, in UCUM where it has one.
create or replace temp macro unit_of(quantity) as
    case
        when quantity.code is null then quantity.unit
        when quantity.system is null or quantity.system = 'http://unitsofmeasure.org' then quantity.code
        else coalesce(quantity.unit, quantity.code)
    end;
