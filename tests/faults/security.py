"""What must not leave, and what must not come in."""

from tests.faults.fault import Fault, Kind

SECURITY = Kind(
    "security",
    "Security",
    (
        Fault(
            "security.other_host",
            "a `next` link, a redirect or a setting leads to another host, scheme or port",
            "nothing is sent there; of a link only the query is used; a redirect is told, never followed",
        ),
        Fault("security.plain_http", "http to another machine", "refused unless it is allowed by a setting"),
        Fault(
            "security.certificate",
            "a certificate that nobody vouches for",
            "refused; an authority of one's own is named by the usual variable",
        ),
        Fault(
            "security.proxy",
            "a proxy, or a broken proxy or certificate variable, in the environment",
            "the usual variables are honoured, networks in NO_PROXY too, never for this machine itself; a broken one "
            "that decides is a sentence, one that does not costs nothing",
        ),
        Fault("security.cookie", "a server that sets cookies", "they are not sent back"),
        Fault(
            "security.only_get", "any command", "PostHog sees GETs of the catalogue's lists and nothing else"
        ),
        Fault(
            "security.path_escape",
            "an id that is `../..`, a query, a fragment, nothing",
            "no path outside of its list is asked for; only its own lists fail",
        ),
        Fault(
            "security.only_posthog_is_spoken_to",
            "a first run, dlt's own import included",
            "no connection and no name look-up but PostHog's",
        ),
        Fault(
            "security.no_telemetry",
            "dlt, which reports to its makers unless told otherwise",
            "off from the first import on; nothing is put into the person's home folder",
        ),
        Fault(
            "security.key_sources",
            "the key in the environment, in `.env`, in a file of Docker's or Kubernetes'",
            "taken, with the white space around it cut; never repeated in a refusal",
        ),
        Fault(
            "security.key_in_arguments",
            "somebody lists the machine's processes",
            "no key stands in the arguments of ours, the schedule's runs and the sandbox included",
        ),
        Fault(
            "security.printed_settings",
            "settings or a client are printed, dumped, put into a message",
            "no key, hash key or password shows",
        ),
        Fault(
            "security.logs",
            "a library or an error says a secret, a token, a password in a URL, an address",
            "replaced in every line that leaves, tracebacks and their causes included",
        ),
        Fault(
            "security.wrong_password",
            "a database refuses the password",
            "one sentence without it, as settings, lane, check and sync say it",
        ),
        Fault(
            "security.refused_rows",
            "a database refuses a row and quotes it, with dlt's own account around it",
            "neither log, `--json`, `--debug` nor run record quotes any of the row",
        ),
        Fault(
            "security.hostile_names",
            "names and values that are SQL",
            "values are parameters, names are quoted: stored as they are",
        ),
        Fault(
            "security.terminal",
            "names with terminal escapes, from PostHog or a lock file",
            "printed without them",
        ),
        Fault(
            "security.query_writes",
            "`hogsync query` with what writes, to the warehouse, its server or a file, or leaves its transaction",
            "refused; on Postgres also functions that no transaction holds back",
        ),
        Fault(
            "security.markup",
            "names that are HTML or a formula in a spreadsheet",
            "escaped in CSV and Markdown",
        ),
        Fault(
            "security.code",
            "data that is run as code: eval, pickle, templates",
            "there is no such call",
            unprovoked="ruff refuses each of them in `make lint` (S102, S301, S302, S307, S506, S701)",
        ),
        Fault(
            "security.files",
            "a run under the usual umask",
            "every file is its owner's alone, while the run goes on and after it",
        ),
        Fault(
            "security.shared_temporary_folder",
            "a shared temporary folder",
            "nothing is put into it, also by a run that is killed",
        ),
        Fault("security.symlink", "a symbolic link where a file is to be made", "not followed"),
        Fault(
            "security.scopes",
            "a key with only the scopes that `check` lists",
            "is enough, and each is needed",
        ),
        Fault("security.grants", "a role with only the README's grants", "is enough, and each is needed"),
        Fault(
            "security.container",
            "a container without root and with a read-only file system",
            "a sync works",
            unprovoked="there is no image yet",
        ),
        Fault(
            "security.classes",
            "a canary in every field of the catalogue that has a class, well-typed and not, nested, in people",
            "under keep, hash and drop it stands in exactly the tables that the settings allow, as a hash where they "
            "say so, and nowhere else in any file or word",
        ),
        Fault(
            "security.secrets_everywhere",
            "credentials by name and by look in declared and unknown fields, at any depth",
            "stored under no setting",
        ),
        Fault(
            "security.unknown_addresses",
            "an address in a field that no catalogue declares",
            "treated as strictly as the strictest class that it may have",
        ),
        Fault(
            "security.any_address",
            "an address of any script, quoted, escaped, in a URL, on a host without a dot",
            "found by one rule, in rows and in every word that is said",
        ),
        Fault(
            "security.values_about_others",
            "before/after values in an audit log: webhooks, addresses, comments, filters, who logged in from where",
            "each obeys the class of the field that it is about; of an unknown one the strictest that its name has",
        ),
        Fault(
            "security.credential_table",
            "names and looks of credentials, as well-kept collections of patterns know them",
            "each is told by a row of one table, and ordinary names and texts stay",
        ),
        Fault(
            "security.misfits",
            "an e-mail address where an id, a number, a name or a list should stand",
            "kept, hashed or dropped by its own field's class; of an open field addresses are hashed",
        ),
        Fault(
            "security.unexpected_object",
            "an answer that is no list, with keys that are addresses or credentials",
            "the record tells its keys without them",
        ),
        Fault(
            "security.leftovers_of_a_kill",
            "kill -9 in mid-load",
            "working folder, database log and file hold only what the settings keep",
        ),
        Fault(
            "security.hash_key",
            "no hash key, a damaged one, another one than before, two first runs at once",
            "one is made and kept private; a damaged or other one is told, never replaced or mixed in",
        ),
        Fault(
            "security.other_privacy",
            "privacy settings that are made stricter later",
            "reach all that is stored at once: living rows and dead ones, lists, misfits, unknown fields, older "
            "versions, tables that the run does not read, on DuckDB the file's bytes; the record says how many rows",
        ),
        Fault(
            "security.emptying_killed",
            "`kill -9` while a stricter setting empties what is stored, again and again, or a return to the laxer one "
            "after it",
            "the next run empties the rest, on DuckDB the file's bytes as well, and no row is lost; under the laxer "
            "setting all is as before",
        ),
        Fault(
            "security.locked_packages",
            "a package that is another than the one that was tested",
            "its hash is not in the lock: it is not installed; wheels only, so no build script runs",
        ),
        Fault(
            "security.vulnerable_packages",
            "a dependency with a known hole",
            "an audit tells",
            unprovoked="an audit asks a database of advisories, which tests must not depend on",
        ),
    ),
)
