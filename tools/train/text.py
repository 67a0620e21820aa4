"""Writes models/text: sentences held out of a training text, a tokenizer trained on the rest."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer

from tools.export.manifest import MODELS, Data, Tokens, record_table

__all__ = ["LONGEST", "TEXT", "VOCABULARY", "Corpus", "encoded", "read_corpus", "text_argument"]

TEXT = MODELS / "text"
VOCABULARY = 1000
LONGEST = 128  # tokens; the position table of torch_bert has as many rows
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
HELD_OUT_BYTES = 38_000
LEAST_WORDS = 4  # shorter ones ("Ay, my lord.") give a model nothing to go by
SPEAKER = re.compile(r"[^\n]+:\n")
SENTENCE_END = re.compile(r"(?<=[.?!])\s+")
ORIGIN = (
    "the end of the plays of William Shakespeare as collected for tiny-shakespeare (input.txt of "
    "karpathy/char-rnn, data/tinyshakespeare); public domain; changed: speakers' names left out, "
    "one sentence of four or more words a line"
)
LICENCE = "public domain"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences to train on, and those held out; ``sha256`` is of the file they come from."""

    train: Sequence[str]
    held_out: Sequence[str]
    sha256: str


def read_corpus(file: Path) -> Corpus:
    """Split a text of speeches into sentences, and hold out the last 38 kB of them.

    A speech is a line of the speaker's name and a colon, then lines up to an empty one.
    """
    content = file.read_bytes()
    sentences = [
        sentence
        for speech in content.decode("utf-8").split("\n\n")
        for sentence in SENTENCE_END.split(" ".join(SPEAKER.sub("", speech, count=1).split()))
        if len(sentence.split()) >= LEAST_WORDS
    ]
    first, room = len(sentences), HELD_OUT_BYTES
    while first and (room := room - len(sentences[first - 1].encode()) - 1) >= 0:
        first -= 1
    if not 0 < first < len(sentences):
        raise ValueError(f"{file}: found {len(sentences)} sentences, too few to hold some out")
    return Corpus(sentences[:first], sentences[first:], sha256(content).hexdigest())


def encoded(sentences: Sequence[str]) -> list[list[int]]:
    """Return the ids of each sentence, [CLS] first and [SEP] last, by the committed tokenizer."""
    tokenizer = Tokenizer.from_file(str(TEXT / "tokenizer.json"))
    return [found.ids for found in tokenizer.encode_batch(list(sentences))]


def text_argument() -> Path:
    """Return the training text named by ``--text`` on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--text", type=Path, required=True, help="the training text")
    return Path(parser.parse_args().text)


def _tokenizer(sentences: Sequence[str]) -> Tokenizer:
    """Return a WordPiece tokenizer as BERT's, lower case, its vocabulary from ``sentences``."""
    tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.decoder = WordPieceDecoder()
    trainer = WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(sentences, trainer)
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    tokenizer.enable_truncation(LONGEST)
    return tokenizer


def _vocabulary(file: Path) -> dict[str, int]:
    """Return the ids of a tokenizer file by their pieces."""
    return dict(Tokenizer.from_file(str(file)).get_vocab())


def main() -> None:
    """Write text.txt and tokenizer.json, and note them in the manifest."""
    corpus = read_corpus(text_argument())
    TEXT.mkdir(exist_ok=True)
    text, tokens = TEXT / "text.txt", TEXT / "tokenizer.json"
    text.write_text("\n".join(corpus.held_out) + "\n", "utf-8", newline="\n")
    tokenizer = _tokenizer(corpus.train)
    # The trainer numbers single letters in another order each time. A file that holds the same
    # pieces is kept, so that the models which were trained on its numbers still fit it.
    if not tokens.exists() or set(_vocabulary(tokens)) != set(tokenizer.get_vocab()):
        tokens.write_text(tokenizer.to_str(pretty=True) + "\n", "utf-8", newline="\n")
    record_table("data", Data(file=text.name, licence=LICENCE, origin=ORIGIN), folder=TEXT)
    record_table(
        "tokenizer",
        Tokens(
            file=tokens.name,
            licence="Apache-2.0",
            script="tools/train/text.py",
            entries=tokenizer.get_vocab_size(),
            longest=LONGEST,
            training_sha256=corpus.sha256,
        ),
        folder=TEXT,
    )
    print(f"{len(corpus.train)} sentences to train on, {len(corpus.held_out)} held out")


if __name__ == "__main__":
    main()
