"""How object storage is reached: environment, profiles of AWS, and nothing written."""

import pytest

from rowbatch.errors import InputError, UsageError
from rowbatch.objects.settings import s3_settings
from rowbatch.objects.stores import open_store
from rowbatch.words.masking import masked

CREDENTIALS = """
[default]
aws_access_key_id = AKID-default
aws_secret_access_key = secret%of/default+1234

[lab]
aws_access_key_id = AKID-lab
aws_secret_access_key = canary-secret-of-lab
aws_session_token = canary-token-of-lab
"""
CONFIG = """
[default]
region = eu-central-1

[profile lab]
region = eu-west-3
endpoint_url = https://s3.lab.example.org/

[profile sso]
sso_session = university
region = eu-west-1
"""


@pytest.fixture
def files(tmp_path):
    """Where AWS's programs keep their settings, as the environment says."""
    (tmp_path / "credentials").write_text(CREDENTIALS)
    (tmp_path / "config").write_text(CONFIG)
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


def test_the_default_profile(files):
    """
    Key of one file, region of the other; a percent sign in a key is one.
    """
    assert s3_settings(files) == {
        "access_key_id": "AKID-default",
        "secret_access_key": "secret%of/default+1234",
        "region": "eu-central-1",
    }


def test_a_profile_by_name_and_its_endpoint(files):
    """
    As AWS_PROFILE says; what is secret in it is masked from now on.
    """
    assert s3_settings({**files, "AWS_PROFILE": "lab"}) == {
        "access_key_id": "AKID-lab",
        "secret_access_key": "canary-secret-of-lab",
        "session_token": "canary-token-of-lab",
        "region": "eu-west-3",
        "endpoint": "https://s3.lab.example.org",
    }
    assert masked("canary-secret-of-lab canary-token-of-lab") == "[hidden] [hidden]"


def test_the_environment_comes_first(files):
    """
    A key there is not mixed with one of a file; region and endpoint, too.
    """
    found = s3_settings(
        {
            **files,
            "AWS_PROFILE": "lab",
            "AWS_ACCESS_KEY_ID": "AKID-env",
            "AWS_SECRET_ACCESS_KEY": "secret-of-env",
            "AWS_REGION": "us-west-2",
            "AWS_ENDPOINT_URL": "https://all.example.org",
            "AWS_ENDPOINT_URL_S3": "https://s3.example.org",
        }
    )
    assert found == {
        "access_key_id": "AKID-env",
        "secret_access_key": "secret-of-env",
        "region": "us-west-2",
        "endpoint": "https://s3.example.org",
    }


@pytest.mark.parametrize(
    ("profile", "kind"), [("nobody", "store-profile-missing"), ("sso", "store-profile-asks")]
)
def test_profiles_without_a_key(files, profile, kind):
    """
    One that is not there, and one whose key has to be asked for: sentences with the profile's name.
    """
    with pytest.raises(InputError) as told:
        s3_settings({**files, "AWS_PROFILE": profile})
    assert (told.value.kind, told.value.values["profile"]) == (kind, profile)


def test_a_broken_file_is_not_shown(files, tmp_path):
    """
    Its words could be a key.
    """
    (tmp_path / "credentials").write_text("aws_secret_access_key canary-in-the-wrong-place\n")
    with pytest.raises(InputError) as told:
        s3_settings(files)
    assert told.value.kind == "store-profile-broken"
    assert "canary" not in str(told.value) + repr(told.value.values)


def test_no_key_at_all():
    """
    Neither in the environment nor in a file, and no cloud that gives one.
    """
    with pytest.raises(InputError) as told:
        open_store("s3://bucket/x")
    assert told.value.kind == "store-no-key"


def test_an_endpoint_in_clear_is_for_this_computer_or_on_demand():
    """
    A key is not sent unencrypted over a network unless that is asked for.
    """
    far = {"AWS_ENDPOINT_URL": "http://s3.lab.example.org"}
    with pytest.raises(UsageError) as told:
        s3_settings(far)
    assert told.value.kind == "store-in-clear"
    assert s3_settings({**far, "AWS_ALLOW_HTTP": "true"})["endpoint"] == "http://s3.lab.example.org"
    assert s3_settings({"AWS_ENDPOINT_URL": "http://127.0.0.1:9000/"})["endpoint"] == "http://127.0.0.1:9000"


@pytest.mark.parametrize("endpoint", ["s3.example.org", "https://me:canary@s3.example.org", "ftp://x"])
def test_an_endpoint_that_is_no_address(endpoint):
    """
    As everywhere, a password in it is not shown.
    """
    with pytest.raises(UsageError) as told:
        s3_settings({"AWS_ENDPOINT_URL": endpoint})
    assert "canary" not in str(told.value)
