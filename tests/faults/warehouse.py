"""What a database refuses, loses or is held by."""

from tests.faults.fault import Kind

WAREHOUSE = Kind("warehouse", "The warehouse", ())
