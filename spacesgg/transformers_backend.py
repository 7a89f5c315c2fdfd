"""Prompts to a local chat model through transformers, on a GPU or the CPU, without a network.

Prompts that wait at the same time are answered in one batch. Each has its own random numbers, drawn from its own
seed, so a reply depends on the prompt and its seed, not on what else stood in the batch (but for the rounding of
the padded computation).
"""

import asyncio
import concurrent.futures
from typing import Any

from spacesgg.backends import Permanent, Reply
from spacesgg.errors import InputError
from spacesgg.prompt import Prompt

DEFAULT_MAX_TOKENS = 1024
GATHER_S = 0.02  # how long the first prompt of a batch waits for others


class TransformersBackend:
    """A chat model by its name in the local cache or by its folder.

    Temperature 0 or None takes the likeliest token each time; above, tokens are drawn from the whole distribution.
    """

    def __init__(
        self,
        model: str,
        temperature: float | None = None,
        max_tokens: int | None = None,
        batch_size: int = 16,
        device: str | None = None,
    ) -> None:
        """Load the model. Raises InputError when it is not on this machine or is no chat model."""
        import torch  # these two take seconds to import, and the other backends need neither
        import transformers

        from spacesgg import model_files

        self.name = model
        self.temperature = temperature
        self._asked_max_tokens = max_tokens
        self.max_tokens = max_tokens or DEFAULT_MAX_TOKENS
        self.batch_size = batch_size
        self._torch = torch
        self._transformers = transformers
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        here = {"local_files_only": True}
        model_files.load_config(model, **here)
        self._tokenizer = model_files.load_tokenizer(model, padding_side="left", **here)
        kind = transformers.AutoModelForCausalLM
        self._model = model_files.load_model(kind, model, device, dtype="auto", **here)
        if not self._tokenizer.chat_template:
            raise InputError(
                f"--model {model}: its tokenizer has no chat template; choose a chat (instruct) model"
            )
        try:
            self._text(Prompt([{"role": "user", "content": "Hello"}], "description"))
        except Exception as error:  # it is a program; better now than with each prompt
            raise InputError(
                f"--model {model}: its chat template cannot be used ({model_files.first_line(error)}); "
                "copy the tokenizer's files from where the weights came from"
            ) from error
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        if self._tokenizer.pad_token_id is None:
            raise InputError(
                f"--model {model}: its tokenizer names neither a padding nor an end token; copy the tokenizer's "
                "files from where the weights came from"
            )
        ends = self._model.generation_config.eos_token_id
        ends = ends if ends is not None else self._tokenizer.eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else [ends])
        self._context = getattr(self._model.config, "max_position_embeddings", None)
        # One thread: a second batch on the same device would not be faster.
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._waiting: list[tuple[Prompt, int, asyncio.Future]] = []
        self._batches: asyncio.Task | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What changes the replies besides the model: a change of these asks anew."""
        return {"temperature": self.temperature, "max_tokens": self._asked_max_tokens}

    async def ask(self, prompt: Prompt, seed: int) -> Reply:
        """Return the model's reply, made in one batch with others that wait now. Raises Permanent."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((prompt, seed, answer))
        if self._batches is None or self._batches.done():
            self._batches = asyncio.create_task(self._answer_all())
        return await answer

    async def _answer_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if len(self._waiting) < self.batch_size:
                await asyncio.sleep(GATHER_S)
            batch = [item for item in self._waiting[: self.batch_size] if not item[2].done()]
            del self._waiting[: self.batch_size]
            try:
                replies = await loop.run_in_executor(self._thread, self.answer, [item[:2] for item in batch])
            except Exception as error:  # each waiting prompt is told; the runner names and counts it
                replies = [Permanent(f"unexpected {type(error).__name__}: {error}")] * len(batch)
            for (_, _, answer), reply in zip(batch, replies, strict=True):
                if answer.done():
                    continue
                if isinstance(reply, Permanent):
                    answer.set_exception(reply)
                else:
                    answer.set_result(reply)

    def answer(self, batch: list[tuple[Prompt, int]]) -> list[Reply | Permanent]:
        """Return the reply to each (prompt, seed), or why there is none."""
        texts = [self._text(prompt) for prompt, _ in batch]
        lengths = (
            [len(ids) for ids in self._tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []
        )
        replies: list[Reply | Permanent | None] = [None] * len(batch)
        fitting = []
        for number, length in enumerate(lengths):
            if self._context and length + self.max_tokens > self._context:
                replies[number] = Permanent(
                    f"the prompt's {length} tokens and --max-tokens {self.max_tokens} are more than the model's "
                    f"context of {self._context}"
                )
            else:
                fitting.append(number)
        if fitting:
            made = self._generate([texts[n] for n in fitting], [batch[n][1] for n in fitting])
            for number, reply in zip(fitting, made, strict=True):
                replies[number] = reply
        return replies

    def _text(self, prompt: Prompt) -> str:
        """Return the prompt in the model's own chat form."""
        from jinja2 import TemplateError

        messages = prompt.messages
        try:
            return self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except TemplateError:
            if messages[0]["role"] != "system":
                raise
            # Some templates know no system message: it goes before the first user message.
            first = {"role": "user", "content": messages[0]["content"] + "\n\n" + messages[1]["content"]}
            return self._tokenizer.apply_chat_template(
                [first, *messages[2:]], tokenize=False, add_generation_prompt=True
            )

    def _generate(self, texts: list[str], seeds: list[int]) -> list[Reply | Permanent]:
        """Answer in one batch, in halves where the memory does not suffice."""
        try:
            return self._generate_at_once(texts, seeds)
        except self._torch.OutOfMemoryError:
            self._torch.cuda.empty_cache()
            if len(texts) == 1:
                return [Permanent("the device's memory does not suffice for this prompt")]
        half = len(texts) // 2
        return self._generate(texts[:half], seeds[:half]) + self._generate(texts[half:], seeds[half:])

    def _generate_at_once(self, texts: list[str], seeds: list[int]) -> list[Reply]:
        torch = self._torch
        inputs = self._tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        inputs = {name: inputs[name].to(self._model.device) for name in ("input_ids", "attention_mask")}
        processors = self._transformers.LogitsProcessorList()
        if self.temperature:
            processors.append(_draw_by_seed(torch, self.temperature, seeds))
        with torch.inference_mode():
            output = self._model.generate(
                **inputs,
                generation_config=self._transformers.GenerationConfig(
                    max_new_tokens=self.max_tokens,
                    do_sample=False,
                    eos_token_id=sorted(self._ends),
                    pad_token_id=self._tokenizer.pad_token_id,
                ),
                logits_processor=processors,
            )
        written = output[:, inputs["input_ids"].shape[1] :].tolist()
        tokens_in = inputs["attention_mask"].sum(1).tolist()
        replies = []
        for row, count in zip(written, tokens_in, strict=True):
            end = next((place for place, token in enumerate(row) if token in self._ends), None)
            said = row if end is None else row[:end]
            text = self._tokenizer.decode(said, skip_special_tokens=True).strip()
            finish_reason = "length" if end is None else "stop"
            replies.append(Reply(text, count, len(row) if end is None else end + 1, finish_reason))
        return replies

    async def close(self) -> None:
        """Let the batch that is being made go; its prompts have been dropped."""
        if self._batches is not None:
            self._batches.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)


def _draw_by_seed(torch: Any, temperature: float, seeds: list[int]) -> Any:
    """Return a logits processor that makes the greedy choice a draw at `temperature`, each row from its own seed.

    The largest of logits / temperature plus Gumbel noise is a draw from their softmax. `generate` itself draws all
    rows from one stream, so that a reply would depend on its neighbours in the batch.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def draw(_: Any, scores: Any) -> Any:
        uniform = torch.stack([torch.rand(scores.shape[1], generator=one) for one in generators])
        gumbel = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
        return scores.float() / temperature + gumbel.to(scores.device)

    return draw
