-- One flag: the code is one of the whole codes, or begins with one of the prefixes, of its entry in the scope.
create or replace temp macro is_listed(match_text, whole_codes, prefixes) as
    coalesce(list_contains(whole_codes, match_text), false)
    or coalesce(len(list_filter(prefixes, lambda prefix: starts_with(match_text, prefix))) > 0, false);
