"""Values that one database, one format or one library cannot take."""

from tests.faults.fault import Fault, Kind

ALIKE = "the same in both databases"

VALUES = Kind(
    "values",
    "Strange values",
    (
        Fault("values.nul", "NUL in a text, in JSON, in a name inside it", f"left out, {ALIKE}"),
        Fault(
            "values.half_character",
            "half of a surrogate pair, escaped or as bytes, in a text, in JSON, in a name inside it",
            f"U+FFFD, {ALIKE}; the run's record says so",
        ),
        Fault(
            "values.no_utf8",
            "bytes that are no UTF-8",
            "the page is asked for again and nothing of it is used; if it stays, that list alone fails",
        ),
        Fault(
            "values.huge_integer",
            "an integer beyond 64 bits, or of 5,000 digits",
            "every digit is kept, beside its column as text or inside JSON; the run's record counts it",
        ),
        Fault(
            "values.no_number",
            "NaN, an infinity, 1e999",
            "null, alone and inside JSON; the run's record says so",
        ),
        Fault(
            "values.other_type",
            "a number, a flag, an object where a text is declared, a word where a number, a flag, a person is",
            "kept as text in `<column>__v_text`; the run's record counts it and names the column, never the value",
        ),
        Fault(
            "values.other_type_later",
            "an undeclared field that is null, an object, a list, a text by turns",
            "keeps the column of its first value; JSON takes everything, others put what does not fit beside",
        ),
        Fault(
            "values.no_moment",
            "a date of year 0 or 10000, `infinity`, the 30th of February, a leap second, a word",
            "kept as text beside its column and told; from year 1 to 9999 every moment is stored in UTC",
        ),
        Fault(
            "values.unknown_field",
            "fields that nobody declared",
            "columns of their own, typed by their first value; null again when they are gone",
        ),
        Fault(
            "values.names_fall_together",
            "`userId`, `user_id` and `USER_ID` in one object",
            "kept apart as `user_id`, `user_id__2`, `user_id__3` in every run, and told",
        ),
        Fault(
            "values.odd_names",
            "a field called `select`, nothing at all, `$geoip_city`, `a; drop table`, `_synced_at`, in 80 letters, "
            "in another script",
            "a plain column of its own that harms none of ours",
        ),
        Fault(
            "values.many_new_keys",
            "2,000 new fields in one object; Postgres has room for 1,600 columns",
            "a hundred (a setting) become columns, the rest shares one JSON column; who has a column keeps it",
        ),
        Fault("values.ten_megabytes", "a text of 10 MB", "stored whole"),
        Fault("values.deep", "objects and lists 400 levels deep", "one JSON value, never tables"),
        Fault(
            "values.copy_marks",
            "texts that a copy's format gives a meaning: `\\\\N`, tabs, line breaks, quotes, control characters",
            "stored as they are",
        ),
        Fault(
            "values.key_twice_in_an_object",
            "one name twice in a JSON object",
            f"the last one counts, {ALIKE}",
        ),
        Fault(
            "values.null_in_key",
            "a row without its key",
            "left out, counted and named; the walk is not complete",
        ),
        Fault(
            "values.key_twice", "two rows of one key in a list", "one row, the later; nothing is concluded"
        ),
        Fault(
            "values.lookalike_keys",
            "keys that differ in case, in a trailing blank, in normal form only, or that look like SQL",
            "each its own row",
        ),
        Fault("values.order_of_lists", "tags in another order", "no change"),
        Fault("values.order_of_names", "the names of an object in another order", "no change"),
        Fault(
            "values.recipient_of_another_type",
            "a subscription's recipients as an object or a number",
            "not kept, because nobody could tell an address in it; told",
        ),
    ),
)
