"""What the company is drawn with: its own dice, its clock, and the marks that make leaks findable."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sources.sandbox.state import DAY, World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws one part of the company; its dice depend on the seed and the part only."""

    world: World
    dice: random.Random

    @classmethod
    def for_part(cls, world: World, *part: object) -> Pen:
        """A pen whose dice no other part shares."""
        return cls(world, random.Random(f"{world.seed}:{':'.join(map(str, part))}"))

    def uuid(self) -> str:
        """A random uuid."""
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def chance(self, share: float) -> bool:
        """True in this share of the throws."""
        return self.dice.random() < share

    def one(self, things: Sequence[T]) -> T:
        """One of several."""
        return self.dice.choice(things)

    def some(self, things: Sequence[T], most: int) -> list[T]:
        """None to `most` of several, each once, in no order."""
        return self.dice.sample(things, self.dice.randint(0, most))

    def ago(self, days: float, *, whole_seconds: bool | None = None) -> datetime:
        """A moment within the last so many days, as long as the world's are; a fifth of them without microseconds."""
        seconds = self.dice.uniform(60, max(days, 0.01) * 86_400)
        moment = self.world.now - timedelta(seconds=seconds) * (self.world.stride / DAY)
        if self.chance(0.2) if whole_seconds is None else whole_seconds:
            return moment.replace(microsecond=0)
        return moment

    def secret(self, text: str) -> str:
        """Something that looks like a credential; always marked."""
        return f"{text}canarysecret{self.dice.getrandbits(64):016x}"

    def person(self, text: str) -> str:
        """A colleague's identity."""
        return f"canaryperson {text}" if self.world.canaries else text

    def handle(self, text: str, mark: str = "canaryperson") -> str:
        """The same where no space may stand: addresses and ids."""
        return f"{mark}.{text}" if self.world.canaries else text

    def recipient(self, text: str) -> str:
        """An address that something is sent to."""
        return self.handle(text, "canaryrecipient")

    def text(self, text: str) -> str:
        """Free text that somebody wrote."""
        return f"{text} canarytext" if self.world.canaries else text

    def customer(self, text: str) -> str:
        """Something about the customers' own users."""
        return self.handle(text, "canarycustomer")


def written(moment: datetime | None) -> str | None:
    """A time as the API writes it: UTC with a Z, no microseconds when they are zero."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
