-- One number, of nothing: the first characters of the other codes of `offered` become known to the connection.
set variable offered_keys = (
    select coalesce(list(distinct left(code, 3)), []) from offered where is_prefix
);
