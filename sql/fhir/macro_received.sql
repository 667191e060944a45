-- One text: when a resource was last changed, of an increment only.
-- In a snapshot it may be the hour in which a server was filled.
create or replace temp macro received(meta) as
    case when getvariable('is_increment') then meta.lastupdated end;
