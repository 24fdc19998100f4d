"""Values that one database, one format or one library cannot take."""

from tests.faults.fault import Kind

VALUES = Kind("values", "Strange values", ())
