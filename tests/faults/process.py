"""What happens to the process, its disk and its clock."""

from tests.faults.fault import Kind

PROCESS = Kind("process", "Process, machine and clock", ())
