import asyncio
import shutil
from pathlib import Path

import orjson
import pytest

import llm_based_query
from spacesgg.backends import Permanent
from spacesgg.bulk import Bulk
from spacesgg.dialogue import Dialogue, Request, outcomes
from spacesgg.errors import InputError
from spacesgg.journal import Journal
from spacesgg.prompt import Prompt
from spacesgg.transformers_backend import TransformersBackend

TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'system' and refuse is not defined and REFUSE %}"
    "{{ raise_exception('no system') }}{% endif %}<{{ m['role'] }}> {{ m['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
WORDS = tuple(
    "the cup is in front of a table behind lamp left right above below near far red blue what where".split()  # noqa: SIM905
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("model"), context=64)


def build(path, context):
    """Save a tiny chat model with a tokenizer of a few words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    names = ["<pad>", "<end>", "<unk>", "<system>", "<user>", "<assistant>", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({name: n for n, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )
    fast.chat_template = TEMPLATE.replace("REFUSE", "false")
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(names),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=context,
        eos_token_id=1,
        pad_token_id=0,
        bos_token_id=None,
        initializer_range=1.0,
    )
    LlamaForCausalLM(config).save_pretrained(path)
    fast.save_pretrained(path)
    return path


def prompt(text, system=None):
    messages = [{"role": "system", "content": system}] if system else []
    return Prompt([*messages, {"role": "user", "content": text}], "description")


TEXTS = ["the cup", "what is in front of the table", "where", "left right above below near far red blue lamp"]


def test_greedy_batches_say_what_one_at_a_time_says(folder):
    backend = TransformersBackend(str(folder), max_tokens=12)
    together = backend.answer([(prompt(text), 0) for text in TEXTS])
    alone = [backend.answer([(prompt(text), 5)])[0] for text in TEXTS]
    assert together == alone  # left padding: what stands beside a prompt does not reach it
    assert len({reply.text for reply in together}) > 1
    # "<user> … <assistant>" is two tokens more than the words
    assert [reply.tokens_in for reply in together] == [len(text.split()) + 2 for text in TEXTS]
    assert all(reply.tokens_out <= 12 for reply in together)
    assert all((reply.finish_reason == "length") == (reply.tokens_out == 12) for reply in together)


def test_the_greedy_reply_is_what_the_model_itself_finds_likeliest(folder):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    reply = TransformersBackend(str(folder), max_tokens=6).answer([(prompt("the cup is"), 0)])[0]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("<user> the cup is <assistant>", return_tensors="pt", add_special_tokens=False)["input_ids"]
    start = ids.shape[1]
    for _ in range(6):
        token = model(ids).logits[0, -1].argmax()
        ids = torch.cat([ids, token[None, None]], 1)
        if token == 1:
            break
    assert reply.text == tokenizer.decode(ids[0, start:], skip_special_tokens=True).strip()


def test_drawn_replies_depend_on_their_own_seed_only(folder):
    backend = TransformersBackend(str(folder), temperature=1.5, max_tokens=12)
    batch = [(prompt(text), seed) for seed, text in enumerate(TEXTS)]
    together = backend.answer(batch)
    assert together == list(reversed(backend.answer(batch[::-1])))
    assert together == [backend.answer([item])[0] for item in batch]
    assert len({backend.answer([(prompt("the cup"), seed)])[0].text for seed in range(8)}) > 4


def test_draws_follow_the_temperature(folder):
    import torch

    from spacesgg.transformers_backend import _draw_by_seed

    scores = torch.log(torch.tensor([[0.6, 0.3, 0.1]])).repeat(4000, 1)
    drawn = _draw_by_seed(torch, 1.0, list(range(4000)))(None, scores).argmax(1)
    shares = torch.bincount(drawn, minlength=3) / 4000
    assert torch.allclose(shares, torch.tensor([0.6, 0.3, 0.1]), atol=0.03)


def test_concurrent_prompts_are_answered_in_batches(folder, tmp_path):
    backend = TransformersBackend(str(folder), max_tokens=5, batch_size=4)
    sizes = []
    answer = backend.answer
    backend.answer = lambda batch: sizes.append(len(batch)) or answer(batch)
    items = [Request(str(n), f"{n}.jpg", "f", prompt(TEXTS[n % 4] + " cup" * (n // 4))) for n in range(12)]
    with Journal(tmp_path / "j") as journal:
        dialogue = Dialogue(journal, backend.name, backend.parameters)
        counts = Bulk(dialogue, backend, concurrency=8).run(items)
        texts = [outcome.reply.text for _, outcome in outcomes(items, dialogue)]
    assert counts.accepted == 12 and counts.tokens_in > 0
    assert max(sizes) == 4 and sum(sizes) == 12 and len(sizes) <= 5
    assert texts == [answer([(item.prompt, 0)])[0].text for item in items]


def test_a_prompt_too_long_for_the_model_fails_alone(folder):
    backend = TransformersBackend(str(folder), max_tokens=12)
    first, second = backend.answer([(prompt("cup " * 60), 0), (prompt("the cup"), 0)])
    assert isinstance(first, Permanent) and "62 tokens" in first.reason and "64" in first.reason
    assert second.tokens_out > 0


def test_a_template_without_system_messages_gets_it_before_the_question(folder):
    backend = TransformersBackend(str(folder), max_tokens=3)
    assert backend._text(prompt("cup", "the")) == "<system> the <user> cup <assistant>"
    backend._tokenizer.chat_template = TEMPLATE.replace("REFUSE", "true")
    assert backend._text(prompt("cup", "the")) == "<user> the\n\ncup <assistant>"


def test_an_error_of_the_device_reaches_the_prompts_and_the_next_batch_goes_on(folder):
    backend = TransformersBackend(str(folder), max_tokens=3)
    answer = backend.answer

    async def both():
        backend.answer = lambda batch: 1 / 0
        with pytest.raises(Permanent, match="ZeroDivisionError"):
            await backend.ask(prompt("cup"), 0)
        backend.answer = answer
        return await backend.ask(prompt("cup"), 0)

    assert asyncio.run(both()).tokens_out > 0


def test_out_of_memory_halves_the_batch(folder):
    import torch

    backend = TransformersBackend(str(folder), max_tokens=3)
    whole = backend._generate_at_once
    sizes = []

    def small(texts, seeds):
        sizes.append(len(texts))
        if len(texts) > 1 or "red" in texts[0]:
            raise torch.OutOfMemoryError("full")
        return whole(texts, seeds)

    backend._generate_at_once = small
    replies = backend.answer([(prompt(text), 0) for text in TEXTS])
    assert sizes == [4, 2, 1, 1, 2, 1, 1]
    assert isinstance(replies[3], Permanent) and "memory" in replies[3].reason
    assert all(reply.tokens_out for reply in replies[:3])


def changed(name, **values):
    def change(model):
        path = model / name
        path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **values}))

    return change


def written(name, content):
    return lambda model: (model / name).write_text(content)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (changed("config.json", num_hidden_layers=3), "9 of 30 weights are missing and would be random"),
        (
            changed("config.json", hidden_size=64),
            "the weights cannot be loaded .they have other shapes than config",
        ),
        (changed("config.json", num_attention_heads=5), "its config.json cannot be used"),
        (written("config.json", "[]"), "its config.json cannot be used"),
        (lambda model: (model / "config.json").unlink(), "the folder has no config.json"),
        (
            written("model.safetensors", "version https://git-lfs.github.com/spec/v1"),
            "the weights cannot be loaded",
        ),
        (lambda model: (model / "model.safetensors").unlink(), "the weights cannot be loaded"),
        (written("tokenizer.json", '{"version": "1.0"}'), "the tokenizer cannot be loaded .*; copy its files"),
        (written("tokenizer_config.json", "{}"), "its tokenizer names neither a padding nor an end token"),
        (written("chat_template.jinja", "{% for %}"), "its chat template cannot be used .Expected an expression"),
    ],
)
def test_a_folder_with_damaged_files_is_refused_by_what_is_wrong(folder, tmp_path, damage, told):
    model = tmp_path / "model"
    shutil.copytree(folder, model)
    damage(model)
    with pytest.raises(InputError, match=f"^--model {model}: {told}"):
        TransformersBackend(str(model))


def test_models_that_are_not_there_or_cannot_chat(folder, tmp_path):
    with pytest.raises(InputError, match="hf download no/such-model"):
        TransformersBackend("no/such-model")
    with pytest.raises(InputError, match="/no/such/model: no such folder$"):
        TransformersBackend("/no/such/model")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="no chat template"):
        TransformersBackend(str(tmp_path))


def test_the_whole_stage_with_a_local_model(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))
    from llm_stage import write_annotations

    write_annotations(tmp_path / "a.jsonl", 5)
    flags = ["--anno-file", str(tmp_path / "a.jsonl"), "--prompt-function", "create_layer_prompt"]
    flags += ["--backend", "transformers", "--model", str(build(tmp_path / "model", context=2048))]
    flags += ["--max-tokens", "30", "--temperature", "1", "--attempts", "4"]
    outputs = []
    for number, at_once in enumerate(("2", "5")):
        output = tmp_path / f"o{number}.json"
        llm_based_query.main([*flags, "--output-file", str(output), "--concurrency", at_once])
        outputs.append(output.read_bytes())
        listed = output.with_name(output.name + ".errors.jsonl")
        rest = listed.read_bytes().splitlines() if listed.exists() else []
        assert len(orjson.loads(outputs[-1])) + len(rest) == 5
        outputs[-1] += b"\n".join(rest)
    assert outputs[0] == outputs[1]  # whatever stood together in a batch
