-- One name of a code system of ours, null where the reported one is none.
create or replace temp macro system_of(reported) as
    getvariable('known_systems')[
        case
            when list_contains(getvariable('known_spellings'), reported)
                then list_position(getvariable('known_spellings'), reported)
            else list_position(getvariable('known_spellings'), lower(replace(replace(reported, '-', ''), '_', '')))
        end
    ];
