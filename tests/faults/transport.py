"""How PostHog and the network between can answer, or not."""

from tests.faults.fault import Fault, Kind

AGAIN = "the page is asked for again, nothing of the broken one is used; if it stays so, its list fails with a sentence"
LOOP = "the list fails, incomplete, after a bounded number of requests; the rows that came are loaded"
QUERY_ONLY = "only the place in the list is taken from it, and asked for on the list's own path"

TRANSPORT = Kind(
    "transport",
    "HTTP and transport",
    (
        Fault(
            "transport.refused",
            "the connection is refused",
            "tried again with back-off, then one sentence that names the host and what to check",
        ),
        Fault("transport.dns", "the host name is not known", "the same, and DNS is named"),
        Fault(
            "transport.certificate",
            "the certificate is not trusted",
            "no request leaves; one sentence that names the setting for an authority of one's own",
        ),
        Fault("transport.no_tls", "what listens does not speak https", "no request leaves; one sentence"),
        Fault(
            "transport.connect_timeout",
            "the host swallows the attempt to connect",
            "given up after 10 s, tried again, then one sentence",
        ),
        Fault(
            "transport.proxy",
            "the proxy refuses",
            "tried again, then one sentence that names the proxy settings",
        ),
        Fault("transport.reset", "a reset, before the answer or in its middle", AGAIN),
        Fault("transport.cut", "the connection ends before the answer does", AGAIN),
        Fault("transport.length_too_long", "the body is shorter than its `Content-Length`", AGAIN),
        Fault(
            "transport.chunks_without_end",
            "a chunked body without its last chunk, or with a damaged one",
            AGAIN,
        ),
        Fault("transport.truncated_json", "JSON that breaks off", AGAIN),
        Fault("transport.bad_gzip", "gzip that is cut, damaged or none", AGAIN),
        Fault("transport.html", "200 with a page of HTML: a login, a proxy, a CDN", AGAIN),
        Fault("transport.empty_200", "200 without a body, or with a bare number, text or null", AGAIN),
        Fault("transport.no_envelope", "JSON without `results` or `next`", AGAIN),
        Fault(
            "transport.array_for_object",
            "an array where a page should be, or a page where an array should be",
            AGAIN,
        ),
        Fault(
            "transport.no_posthog",
            "another service answers at POSTHOG_HOST",
            "exit 2 with what came back, redacted; nothing is loaded",
        ),
        Fault(
            "transport.redirect",
            "a redirect, to another host or to a login page",
            "never followed, the key goes nowhere else; the sentence says what POSTHOG_HOST should be",
        ),
        Fault("transport.401", "401 at the start", "exit 3, and a record of it in the warehouse"),
        Fault(
            "transport.401_in_mid_run",
            "401 in the middle of a run",
            "asking stops, what was read is kept, exit 3, and no row is ended",
        ),
        Fault(
            "transport.refused_list",
            "402, 403 or 404 before a list's first row",
            "the table is unavailable with PostHog's reason, its rows stay, the run is good",
        ),
        Fault(
            "transport.refused_in_mid_list",
            "402, 403 or 404 after a list's first row",
            "the list fails; its rows are loaded, its missing rows are not ended, the next run is right",
        ),
        Fault(
            "transport.foreign_refusal",
            "402, 403 or 404 in words that are not PostHog's: a geo block, a proxy",
            "not taken for PostHog's word: the list fails with what came back",
        ),
        Fault(
            "transport.wording",
            "PostHog changes the wording of its errors",
            "nothing changes: status and `code` decide, the wording is only quoted",
        ),
        Fault(
            "transport.passing_status",
            "408, 425, 429, 500, 502, 503, 504 or 52x",
            "asked again with back-off and jitter, then the list fails and names it",
        ),
        Fault(
            "transport.retry_after",
            "`Retry-After`, in seconds or as a date, with any of these",
            "no thread sends anything before that second, and all go on right after it",
        ),
        Fault(
            "transport.retry_after_long",
            "`Retry-After` of 2202 or 3600 s",
            "waited for by every thread, other process and later run; each says until when, and can be stopped",
        ),
        Fault(
            "transport.retry_after_absurd",
            "`Retry-After` of more than a day",
            "hogsync does not wait: the list fails, at the start of a run the run, and the message is PostHog's answer",
        ),
        Fault(
            "transport.retry_after_past",
            "`Retry-After` that is over already, zero or unreadable",
            "as if there were none: tries stay few and apart",
        ),
        Fault(
            "transport.429_without_word",
            "429 without `Retry-After`",
            "pauses that grow, for all threads, and an end; the text of the answer is not read",
        ),
        Fault(
            "transport.heavy_page",
            "503 `event_definitions_timeout` or `property_definitions_timeout`",
            "smaller pages from the same place, by name; every row comes once",
        ),
        Fault(
            "transport.storm",
            "429s because other programs use the same key",
            "all threads slow down together, so that few requests are refused and eat the hour; every row comes",
        ),
        Fault(
            "transport.trickle",
            "one byte after the other, in headers, body or error page",
            "cut after the time for one page, asked again, then the list fails; other pages go on",
        ),
        Fault(
            "transport.silence",
            "the server takes the request and says nothing",
            "cut, asked again, then the list fails",
        ),
        Fault("transport.huge", "a page of more than 256 MB", "refused at the limit, with a sentence"),
        Fault(
            "transport.bomb",
            "a small body that unpacks to a huge one, in one layer or in several",
            "unpacked in steps of 1 MB and refused at the limit; more than one layer is refused unread",
        ),
        Fault(
            "transport.endless",
            "a body, an error page, headers or interim answers that never end, at full speed",
            "bounded in bytes and in time; then as any other broken page",
        ),
        Fault(
            "transport.next_other_origin",
            "`next` names another origin",
            f"{QUERY_ONLY}; the key goes nowhere else",
        ),
        Fault("transport.next_other_scheme", "`next` names another scheme", QUERY_ONLY),
        Fault(
            "transport.next_internal_host",
            "`next` names an internal host",
            f"{QUERY_ONLY}; nobody calls there",
        ),
        Fault("transport.next_relative", "`next` is relative", QUERY_ONLY),
        Fault("transport.next_other_list", "`next` names another list's path, or other filters", QUERY_ONLY),
        Fault("transport.next_itself", "`next` leads to the same page", LOOP),
        Fault("transport.next_cycle", "`next` goes in a circle or back", LOOP),
        Fault(
            "transport.next_without_end",
            "ever new `next`s to empty pages, to the same rows or beyond what the list counts",
            LOOP,
        ),
        Fault("transport.next_missing", "no `next` on a full page although the list counts more rows", LOOP),
        Fault(
            "transport.next_on_last_page",
            "a `next` on the last page",
            "one more, empty page, and the list is complete",
        ),
        Fault(
            "transport.short_page",
            "a page shorter than its limit, because the server has a limit of its own",
            "the walk goes on until `next` is null",
        ),
        Fault(
            "transport.long_page", "a page longer than its limit, by virtual rows", "all of its rows count"
        ),
        Fault("transport.empty_page", "an empty page in the middle", "the walk goes on until `next` is null"),
    ),
)
