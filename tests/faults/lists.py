"""What happens to a list between two of its pages."""

from tests.faults.fault import Fault, Kind

NEXT = "no living row dies, each row comes once, the next run is right"

LISTS = Kind(
    "lists",
    "Lists that move while they are read",
    (
        Fault("lists.insert_behind", "a row comes behind the reader: one is seen twice", NEXT),
        Fault("lists.insert_ahead", "a row comes ahead of the reader", NEXT),
        Fault("lists.delete_behind", "a row goes behind the reader: a living one is not seen", NEXT),
        Fault("lists.delete_ahead", "a row goes ahead of the reader", NEXT),
        Fault(
            "lists.delete_behind_insert_ahead",
            "one goes behind and one comes ahead: the count stays right, a living row is not seen",
            f"a row that is missing is looked for twice; {NEXT}",
        ),
        Fault(
            "lists.second_look_moves",
            "the same once more, or for the first time, during the second look",
            "what either look has seen lives; no other row of theirs dies, the next run is right",
        ),
        Fault(
            "lists.slips_twice",
            "the same living row slips out of both looks, with the count right both times",
            "the one case that two looks cannot tell from a deletion: it may be called dead, the next run revives it",
        ),
        Fault("lists.gone_between_looks", "a row that the first look saw is gone in the second", NEXT),
        Fault("lists.shrinks", "the list becomes shorter than the reader's place in it", NEXT),
        Fault(
            "lists.count_moves",
            "the count is another on the last page than on the first",
            f"one more walk; {NEXT}",
        ),
        Fault("lists.reordered", "rows change their places, one or all", NEXT),
        Fault("lists.no_order", "the server has no order at all, as with organizations and projects", NEXT),
        Fault("lists.edited", "a row is seen twice, edited in between", "the later version is stored"),
        Fault(
            "lists.gap",
            "fewer different rows than the list counts, in two walks",
            "rows are loaded, nothing is concluded; a row that went missing with the gap never dies by itself",
        ),
        Fault("lists.capped", "the count is capped, or becomes so on the way", f"it proves nothing; {NEXT}"),
        Fault("lists.doubled", "the list is twice as long as last time", "loaded, complete, nothing is held"),
        Fault("lists.emptied", "the list is empty all at once", "deaths are held until a second run agrees"),
        Fault(
            "lists.many_gone",
            "a third of the list is gone all at once",
            "deaths are held until a second run agrees",
        ),
        Fault(
            "lists.stable_order",
            "rows come to a list that can be asked for in a lasting order",
            "it is asked for in that order, so that they come last and move nothing",
        ),
        Fault(
            "lists.cursor",
            "rows come, change and go on both sides of a cursor, and the one at which it stands goes",
            "no living row dies; what came behind it is there after the next run",
        ),
        Fault(
            "lists.two_passes",
            "a row moves between the pass of the living and the pass of the deleted, in either direction",
            "no other row dies; the next run is right",
        ),
        Fault(
            "lists.parent_goes",
            "a row goes before the lists below it are read",
            "only its own rows die with it",
        ),
    ),
)
