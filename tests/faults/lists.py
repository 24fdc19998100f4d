"""What happens to a list between two of its pages."""

from tests.faults.fault import Kind

LISTS = Kind("lists", "Lists that move while they are read", ())
