"""What a key may see, from one run to the next."""

from tests.faults.fault import Kind

ACCESS = Kind("access", "Access that changes", ())
