"""The numbers of an LLM run: how they add up, the progress bar, tokens, speed and cost."""

import time
from dataclasses import dataclass

from tqdm import tqdm

PRICE_TOKENS = 1_000_000  # prices are per so many tokens, as every provider lists them


@dataclass
class Counts:
    """Prompts by what became of them, and requests (a prompt may need several) with their tokens."""

    prompts: int = 0
    from_journal: int = 0
    asked: int = 0
    answered: int = 0  # of those asked: to the end, accepted or rejected
    accepted: int = 0
    rejected: int = 0
    failed: int = 0
    unmade: int = 0  # of those failed: no prompt could be made, nothing was asked
    unfinished: int = 0
    requests: int = 0
    retried: int = 0
    replies: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def add_unmade(self) -> None:
        """Count an image of which no prompt could be made."""
        self.prompts += 1
        self.failed += 1
        self.unmade += 1

    def add_up(self) -> bool:
        """Say whether every prompt is in exactly one place; `unfinished` ones may have been asked or not."""
        return (
            self.prompts == self.accepted + self.rejected + self.failed + self.unfinished
            and self.accepted + self.rejected == self.answered + self.from_journal
            and 0 <= self.asked - (self.answered + self.failed - self.unmade) <= self.unfinished
        )


class Progress:
    """The progress bar. Prices in the user's currency per million tokens; `total` prompts where it is known."""

    def __init__(
        self,
        total: int | None = None,
        price_in: float | None = None,
        price_out: float | None = None,
        shown: bool = False,
    ) -> None:
        self.counts = Counts()
        self.total = total
        self.prices = (price_in or 0.0, price_out or 0.0) if price_in or price_out else None
        self._began = time.monotonic()
        # disable=None: no bar where the output is no terminal
        self._bar = tqdm(total=total, desc="prompts", unit="prompt", disable=None if shown else True)

    def cost(self) -> float:
        """Return what the replies of this run have cost."""
        price_in, price_out = self.prices or (0.0, 0.0)
        return (self.counts.tokens_in * price_in + self.counts.tokens_out * price_out) / PRICE_TOKENS

    def expected_cost(self) -> float | None:
        """Return what the whole run will cost if the rest is like what was asked; None when it cannot be said."""
        counts = self.counts
        if not self.total or not counts.answered:
            return None
        return self.cost() + self.cost() / counts.answered * (self.total - counts.prompts)

    def text(self) -> str:
        """Return what the bar says beside the number of prompts."""
        counts = self.counts
        rate = counts.replies / max(time.monotonic() - self._began, 1e-9)
        said = (
            f"{counts.accepted} accepted, {counts.rejected} rejected, {counts.failed} failed, "
            f"{counts.retried} retried, {counts.tokens_in} tokens in, {counts.tokens_out} out, {rate:.1f} req/s"
        )
        if self.prices:
            expected = self.expected_cost()
            said += f", cost {self.cost():.2f}" + (f" of about {expected:.2f}" if expected is not None else "")
        return said

    def show(self) -> None:
        """Bring the bar up to date."""
        settled = self.counts.accepted + self.counts.rejected + self.counts.failed
        if not self._bar.disable:
            self._bar.set_postfix_str(self.text(), refresh=False)
            self._bar.update(settled - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()
