-- One number, of nothing: the codes of `offered` that are compared whole become known to the connection.
set variable offered_codes = (
    select coalesce(list(distinct code), []) from offered where not is_prefix
);
