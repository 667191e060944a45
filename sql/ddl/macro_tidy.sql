-- One text without white space around it; null if nothing is left.
create or replace temp macro tidy(reported) as
    nullif(
        trim(
            reported,
            ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160) || chr(8239) || chr(65279)
        ),
        ''
    );
