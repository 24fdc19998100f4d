"""Values that one database, one format or one library cannot take."""

from tests.faults.fault import Fault, Kind

ALIKE = "the same in both databases"

VALUES = Kind(
    "values",
    "Strange values",
    (
        Fault(
            "values.nul",
            "NUL in a text, in JSON, in a name inside it, in what is said of a recipient, amid a credential",
            f"left out, {ALIKE}, before anything is judged",
        ),
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
            "values.float_has_no_room",
            "an integer beyond 2**53, or beyond 2**1024, in a column of floats",
            "kept as text beside its column, digit by digit",
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
            "a date of year 0 or 10000, also by its offset, `infinity`, the 30th of February, 24:00, a leap second, "
            "a word",
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
            "values.column_of_the_database",
            "a field called `xmin`, `ctid`, `rowid`: columns that Postgres or DuckDB has by itself",
            f"`xmin__2` and so on, {ALIKE}, and told",
        ),
        Fault(
            "values.many_new_keys",
            "2,000 new fields in one object; Postgres has room for 1,600 columns",
            "a hundred (a setting) become columns, the rest shares one JSON column; who has a column keeps it",
        ),
        Fault(
            "values.by_chance",
            "names, keys, values, times, counts, links and nesting of a page by chance",
            "both databases end with the same rows and words; the other lists of the run are whole",
        ),
        Fault("values.ten_megabytes", "a text of 10 MB", "stored whole"),
        Fault(
            "values.deep",
            "objects and lists 400, 1,000 or 100,000 levels deep",
            "one JSON value; below 500 levels of the page it is null, with a warning, and no other value is lost",
        ),
        Fault(
            "values.odd_count",
            'a list\'s `count` as `true`, `"12"`, `1e3`, 2**70, a negative number',
            "a whole number in another spelling counts as such, anything else as not told",
        ),
        Fault(
            "values.odd_next",
            "a `next` that is empty, false, a number, a list, no URL, a URL with a cursor of 100,000 letters",
            "nothing at all ends a list of which all came; what leads nowhere fails this list alone, by a sentence",
        ),
        Fault(
            "values.odd_id",
            'an id or a reference as `"12"` or `12.0`; as `true`, `"012"`, `12.5`',
            "the number 12; the others are no ids: a row of such a key is left out and told; an `organization` that "
            "is no id is null where a project is asked for by its own id",
        ),
        Fault(
            "values.odd_key",
            "a key's `scopes`, `scoped_teams` or `scoped_organizations` that are, or hold, a number, a text, an object",
            "what is no list or no id is taken as not told",
        ),
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
            "left out, counted, and told where in its list it stood; the walk is not complete",
        ),
        Fault(
            "values.long_key",
            "a key whose texts take more than 2,500 bytes, for which an index of Postgres has no room",
            f"left out, counted and told, {ALIKE}",
        ),
        Fault(
            "values.only_rejected",
            "a list of rows none of which can be stored",
            "this list has failed, and the sync ends with 1",
        ),
        Fault(
            "values.record",
            "NUL, half of a character, a number beyond 64 bits on its way into a run's record",
            "cleaned at one place; the record is written",
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
            "values.refused_by_one_table",
            "rows that one table of the warehouse refuses, by a rule or a trigger of a user's",
            "this table has failed, by name; the others are loaded and recorded in the same run",
        ),
        Fault(
            "values.one_person_in_two_words",
            "one person's old and new e-mail in two answers of a run",
            "the richest source counts, then what they say: never which of them came first",
        ),
        Fault(
            "values.unknown_person",
            "an object that looks like a user in an audit log's detail, in JSON, in a field that nobody declared",
            "of declared JSON it fills in only whom nothing else names; in an undeclared field it is no colleague",
        ),
        Fault(
            "values.recipient_of_another_type",
            "a subscription's recipients as an object or a number",
            "not kept, because nobody could tell an address in it; told",
        ),
    ),
)
