-- One text: what an extension says, whatever its type.
create or replace temp macro told(extension) as
    coalesce(
        extension.valuestring,
        extension.valueboolean,
        extension.valuecode,
        extension.valuecoding.display,
        in_words(extension.valuecodeableconcept),
        extension.valuecoding.code
    );
