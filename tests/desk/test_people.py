"""Which columns people coded, by their names."""

import pytest

from rowbatch import desk


@pytest.mark.parametrize(
    ("column", "is_models"),
    [
        ("Prediction_gpt-4o", True),
        ("gpt4o_label", True),
        ("ChatGPT", True),
        ("llama-3 label", True),
        ("model", True),
        ("predicted", True),
        ("label_llm", True),
        ("模型标签", True),
        ("Prediction_human", False),
        ("model_human", False),
        ("gold", False),
        ("truth", False),
        ("coder 1", False),
        ("predictor", False),
        ("label", False),
        ("人工模型核对", False),
    ],
)
def test_names_that_speak_of_a_model(column, is_models):
    """
    What a model labelled is told from what people coded by words of the column's name.
    """
    assert desk.names_a_model(column) is is_models
