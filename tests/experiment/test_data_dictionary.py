"""Every column has a type, a unit and a meaning: in the code, in the documentation, and in the files themselves."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from search.experiment.schema import EPOCH_COLUMNS, GOALS, GROWING, IDENTITY, LINEAGE, OUTCOME, WORDS, as_markdown
from tests.support.analysis_world import searched, write

DOCUMENT = Path(__file__).parents[2] / "docs" / "data_dictionary.md"


def test_documentation_has_the_columns_as_the_code_has_them() -> None:
    text = DOCUMENT.read_text()
    assert as_markdown((*IDENTITY, *OUTCOME, *GROWING, *GOALS, *LINEAGE, *WORDS)) in text
    assert as_markdown(EPOCH_COLUMNS) in text


def test_every_column_says_in_whole_sentences_what_it_means() -> None:
    for column in (*IDENTITY, *OUTCOME, *GROWING, *GOALS, *LINEAGE, *WORDS, *EPOCH_COLUMNS):
        assert column.meaning[-1] == "."
        assert len(column.meaning.split()) >= 3


@pytest.mark.parametrize("compact", [True, False])
def test_fields_of_the_stored_tables_carry_unit_and_meaning(tmp_path: Path, compact: bool) -> None:
    rows = [{**row, "auc": 0.5} for row in searched(40)]  # So many that parts of a running search are merged.
    root = write(tmp_path / "a", rows, compact=compact)
    for table in ("trials", "epochs"):
        files = [root / f"{table}.parquet"] if compact else list((root / table).iterdir())
        for file in files:
            for field in pq.read_schema(file):
                if compact or field.name not in ("auc", "training_share"):
                    assert field.metadata[b"meaning"], (file.name, field.name)
    if compact:
        schema = pq.read_schema(root / "trials.parquet")
        assert schema.field("train_seconds").metadata[b"unit"] == b"s"
        assert schema.field("auc").metadata == {b"meaning": b"Yielded by the trainable under this name."}
