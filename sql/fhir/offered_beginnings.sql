-- One number, of nothing: the other codes of `offered` become known to the connection.
set variable offered_beginnings = (
    select coalesce(list(struct_pack(system, code, is_whole)), []) from offered where is_prefix
);
