-- One text: what a concept says, by its text, else by the words or the code of its first coding.
create or replace temp macro in_words(concept) as
    coalesce(concept.text, concept.coding[1].display, concept.coding[1].code);
