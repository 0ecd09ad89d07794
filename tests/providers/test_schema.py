"""Files about providers and models: nothing that stands in them is passed over."""

import tomllib
from decimal import Decimal
from importlib.resources import files

import pytest

from rowbatch.core.cost import Price
from rowbatch.errors import InputError
from rowbatch.providers import catalog
from rowbatch.providers.catalog import find_model, find_price, override_from, provider_names
from rowbatch.providers.schema import catalog_schema, models_schema, require_schema


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's own file: a function that writes it."""
    monkeypatch.setattr(catalog, "_OVERRIDES", [])
    monkeypatch.setattr(catalog, "_READ_OVERRIDES", {})
    path = tmp_path / "models.toml"
    override_from(lambda: path)

    def write(text):
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '[opnai."m"]\ninput_usd = 1\noutput_usd = 2\n',
            "the file has no 'opnai'; did you mean 'openai'?",
            id="provider",
        ),
        pytest.param(
            '[openai."m"]\ninput_us = 1\noutput_usd = 2\n',
            "[openai.m] has no 'input_us'; did you mean 'input_usd'?",
            id="price",
        ),
        pytest.param(
            '[openai."gpt-4o-mini"]\nmax_outputs = 100\n',
            "[openai.gpt-4o-mini] has no 'max_outputs'; did you mean 'max_output'?",
            id="limit",
        ),
        pytest.param(
            '[openai."gpt-4.1-mini"]\nwhatever = 1\n',
            "[openai.\"gpt-4.1-mini\"] has no 'whatever'",
            id="nothing-near",
        ),
        pytest.param(
            "[openai.gpt-4.1-mini]\ninput_usd = 1\noutput_usd = 2\n",
            "'1-mini' in [openai.gpt-4] is a table, and nobody reads it",
            id="no-quotation-marks",
        ),
        pytest.param(
            "[openai]\ninput_usd = 1\noutput_usd = 2\n",
            "'input_usd' in [openai] cannot be 1",
            id="price-of-a-provider",
        ),
        pytest.param("openai = 3\n", "'openai' in the file cannot be 3", id="provider-is-a-number"),
        pytest.param(
            '[openai."m"]\ninput_usd = "cheap"\noutput_usd = 2\n',
            "'input_usd' in [openai.m] cannot be 'cheap'",
            id="price-is-a-word",
        ),
        pytest.param(
            '[openai."m"]\ninput_usd = -1\noutput_usd = 2\n',
            "'input_usd' in [openai.m] cannot be -1",
            id="price-below-nothing",
        ),
        pytest.param(
            '[openai."m"]\ninput_usd = true\noutput_usd = 2\n',
            "'input_usd' in [openai.m] cannot be True",
            id="price-is-true",
        ),
        pytest.param(
            '[openai."gpt-4o-mini"]\nrules = "clasic"\n',
            "'rules' in [openai.gpt-4o-mini] cannot be 'clasic'",
            id="rules",
        ),
        pytest.param(
            '[openai."gpt-4o-mini"]\nshutdown = "soon"\n',
            "'shutdown' in [openai.gpt-4o-mini] cannot be 'soon'",
            id="day",
        ),
        pytest.param(
            '[openai."m"]\ninput_usd = 1\n', '[openai."m"] has a price for one side only', id="half-a-price"
        ),
    ],
)
def test_a_slip_in_the_users_own_file_is_named(own, text, expected):
    """
    What nobody would read, at each level of the file, is an error that names the file, the table and the key.
    """
    path = own(text)
    for find in (find_price, find_model):
        with pytest.raises(InputError) as caught:
            find("openai", "gpt-4o-mini")
        assert caught.value.message == f"{path}: {expected}"
        assert caught.value.hint


def test_what_the_users_own_file_may_say(own):
    """
    All keys that are documented are read; a price may be a text, and one limit of a listed model changed.
    """
    own(
        '[openai."gpt-4o-mini"]\nmax_output = 99\n'
        '[openai."my-model"]\ninput_usd = "0.10"\noutput_usd = 2\nrules = "classic"\ncontext = 1000\n'
        'max_output = 100\nencoding = "o200k_base"\nshutdown = "2030-01-31"\n'
        '[compatible."llama"]\ninput_usd = 0.5\noutput_usd = 0\n'
    )
    mini, mine = find_model("openai", "gpt-4o-mini"), find_model("openai", "my-model")
    assert mini is not None
    assert mine is not None
    assert (mini.max_output, mini.context > 99) == (99, True)
    assert (mine.context, mine.max_output, mine.encoding, str(mine.shutdown)) == (
        1000,
        100,
        "o200k_base",
        "2030-01-31",
    )
    assert find_price("openai", "my-model") == Price(Decimal("0.10"), Decimal(2), "your models.toml", "")
    assert find_price("compatible", "llama") == Price(Decimal("0.5"), Decimal(0), "your models.toml", "")


def document(name):
    return tomllib.loads(files("rowbatch.providers").joinpath(name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda d: d.update(provider={}), "the file has no 'provider'", id="top"),
        pytest.param(
            lambda d: d["providers"]["openai"].update(max_request=1),
            "[providers.openai] has no 'max_request'; did you mean 'max_requests'?",
            id="limit",
        ),
        pytest.param(
            lambda d: d["providers"]["groq"].update(url_prefx=""),
            "[providers.groq] has no 'url_prefx'; did you mean 'url_prefix'?",
            id="quirk",
        ),
        pytest.param(
            lambda d: d["providers"]["groq"].update(free="no"),
            "'free' in [providers.groq] cannot be 'no'",
            id="truth",
        ),
        pytest.param(
            lambda d: d["providers"]["groq"].update(dialect="anthropc"),
            "'dialect' in [providers.groq] cannot be 'anthropc'",
            id="dialect",
        ),
        pytest.param(
            lambda d: d["prices"].update(opnai={}),
            "[prices] has no 'opnai'; did you mean 'openai'?",
            id="prices",
        ),
        pytest.param(
            lambda d: d["prices"]["openai"].update(sources="x"),
            "[prices.openai] has no 'sources'; did you mean 'source'?",
            id="source",
        ),
    ],
)
def test_a_slip_in_the_catalog_is_named(change, expected):
    """
    A misspelt key of a provider's entry would leave its default in force: it is an error at each level.
    """
    found = document("catalog.toml")
    schema = catalog_schema(provider_names())
    require_schema(found, schema, "catalog.toml")
    change(found)
    with pytest.raises(InputError) as caught:
        require_schema(found, schema, "catalog.toml")
    assert caught.value.message.startswith(f"catalog.toml: {expected}")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda d: d.update(antropic={}), "the file has no 'antropic'", id="provider"),
        pytest.param(
            lambda d: d["rules"]["classic"].update(samplng="free"),
            "[rules.classic] has no 'samplng'; did you mean 'sampling'?",
            id="rules",
        ),
        pytest.param(
            lambda d: d["rules"]["classic"].update(sampling="fre"),
            "'sampling' in [rules.classic] cannot be 'fre'",
            id="sampling",
        ),
        pytest.param(
            lambda d: d["openai"]["models"]["gpt-4o-mini"].update(contxt=1),
            "[openai.models.gpt-4o-mini] has no 'contxt'; did you mean 'context'?",
            id="model",
        ),
        pytest.param(
            lambda d: d["openai"]["queue"].update(tier={}),
            "[openai.queue] has no 'tier'; did you mean 'tiers'?",
            id="queue",
        ),
    ],
)
def test_a_slip_in_the_list_of_models_is_named(change, expected):
    """
    The same for what comes with the program about models.
    """
    found = document("models.toml")
    schema = models_schema(provider_names(), tuple(found["rules"]))
    require_schema(found, schema, "models.toml")
    change(found)
    with pytest.raises(InputError) as caught:
        require_schema(found, schema, "models.toml")
    assert caught.value.message.startswith(f"models.toml: {expected}")


def test_the_program_reads_its_own_files_through_their_schemas(monkeypatch):
    """
    A slip in a file that comes with the program is seen whenever the file is read.
    """
    broken = {"catalog.toml": document("catalog.toml"), "models.toml": document("models.toml")}
    broken["catalog.toml"]["providers"]["openai"]["has_expiri"] = True
    broken["models.toml"]["openai"]["model"] = {}
    monkeypatch.setattr(catalog, "_read_own", broken.__getitem__)
    for name, read in (("models.toml", catalog._models), ("catalog.toml", catalog._catalog)):
        with pytest.raises(InputError, match=f"{name}: "):
            read.__wrapped__()


def test_a_list_of_models_that_nobody_wrote_is_one_clear_error(own, monkeypatch):
    """
    What tomllib cannot take, too many brackets inside of each other, and what is too long for such a list.
    """
    own("a = " + "[" * 2000 + "]" * 2000)
    with pytest.raises(InputError, match="cannot be read"):
        find_price("openai", "m")
    monkeypatch.setattr(catalog, "_READ_OVERRIDES", {})
    monkeypatch.setattr(catalog, "_MAX_OWN_BYTES", 1 << 20)
    own("#" * ((1 << 20) + 1))
    with pytest.raises(InputError, match="more than 1 MB"):
        find_price("openai", "m")
