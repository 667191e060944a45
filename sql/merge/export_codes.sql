-- One row per distinct reported code and concept.
copy (
    select code_id, concept, breadth, matched_by
    from work.codes
    order by code_id, concept
) to $path (format parquet, compression {compression});
