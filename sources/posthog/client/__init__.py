"""One page over HTTP: path and parameters -> decoded JSON, or the error that says what to do."""

import sys

# httpx imports the program `httpx`, too, where click, rich and Pygments are installed, as dlt has them. Nothing here
# uses that program, and its import takes 6 % of the CPU of a run without changes. After this it fails at once.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # how Python spells "not to be imported"
