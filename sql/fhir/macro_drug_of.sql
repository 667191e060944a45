-- One code with its text: the medicine of a row, named by it, by a resource it refers to, or in words.
create or replace temp macro drug_of(concept, referred, contained, known) as
    coalesce(
        case when has_concept(concept) then concept end,
        case when has_concept(known) then known end,
        case
            when starts_with(referred.reference, '#')
                then list_filter(contained, lambda one: '#' || one.id = referred.reference)[1].code
        end,
        case
            when referred.display is not null
                then struct_pack(coding := concept.coding, text := referred.display)
        end
    );
