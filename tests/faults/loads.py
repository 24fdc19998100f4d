"""What a kill leaves of a load and of the working folder."""

from tests.faults.fault import Kind

LOADS = Kind("loads", "Torn loads and the working folder", ())
