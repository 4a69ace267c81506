"""What core/DATA.md says of the card is what is read."""

import re
from pathlib import Path

import msgspec

from penjing.loading.card import AudioCard, Card, ImageCard, TableCard, read_card

ROOT = Path(__file__).parents[3]


def test_that_the_document_shows_every_key_and_is_read(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / "core" / "DATA.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "dataset.toml").write_text(text, encoding="utf-8")
    card = read_card(tmp_path / "dataset.toml")
    assert (card.audio.coefficients, card.table.missing, card.target, card.std) == (10, "mean", ("x", "y"), 0.226)
    told = set(re.findall(r"^(\w+) =", text, re.MULTILINE))
    parts = {"image", "table", "audio"}
    for kind in (ImageCard, TableCard, AudioCard):
        assert {field.name for field in msgspec.structs.fields(kind)} <= told
    assert {field.name for field in msgspec.structs.fields(Card)} - parts - {"sample", "plan", "split"} <= told
