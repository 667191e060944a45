-- One number, of nothing: the same codes with their systems become known to the connection.
set variable offered_pairs = (
    select coalesce(list(code || '|' || system), []) from offered where not is_prefix
);
