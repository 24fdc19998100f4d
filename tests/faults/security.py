"""What must not leave, and what must not come in."""

from tests.faults.fault import Kind

SECURITY = Kind("security", "Security", ())
