"""
How object storage is reached, from the environment and the profiles of AWS, and nowhere else.

Keys stay in memory, and are masked in whatever is told.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from rowbatch.core.address import check_address, is_in_clear
from rowbatch.errors import InputError, UsageError, from_os_error
from rowbatch.words.masking import keep_secret

_SECRET_NAMES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
)
# By these a computer in the cloud is given keys: obstore asks there itself.
_GIVEN_BY_CLOUD = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
# A profile with one of these has no keys in the file, but a way to ask for them.
_OTHER_WAYS = ("sso_session", "sso_start_url", "role_arn", "credential_process", "login_session")


def keep_secrets_of_stores(environ: Mapping[str, str] = os.environ) -> None:
    """Mask what the environment has of keys."""
    for name in _SECRET_NAMES:
        keep_secret(environ.get(name, ""))


def s3_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """
    Key, region and endpoint for S3: of the environment, else of the profile, as AWS's own programs do.

    Returns:
        Names as obstore has them. Without keys where only the cloud itself can give them, or none are wanted.
    Raises:
        UsageError: The endpoint is no address that can be used, or is in clear and not on this computer.
        InputError: There is no such profile, or it has no key of its own.
    Source:
        AWS CLI user guide, "Configuration and credential file settings": order and names.
    """
    profile = _profile(environ)
    found: dict[str, str] = {}
    if environ.get("AWS_ACCESS_KEY_ID"):
        found["access_key_id"] = environ["AWS_ACCESS_KEY_ID"]
        found["secret_access_key"] = environ.get("AWS_SECRET_ACCESS_KEY", "")
        if environ.get("AWS_SESSION_TOKEN"):
            found["session_token"] = environ["AWS_SESSION_TOKEN"]
    elif profile.get("aws_access_key_id"):
        found["access_key_id"] = profile["aws_access_key_id"]
        found["secret_access_key"] = profile.get("aws_secret_access_key", "")
        if profile.get("aws_session_token"):
            found["session_token"] = profile["aws_session_token"]
    elif not any(environ.get(name) for name in _GIVEN_BY_CLOUD) and any(map(profile.get, _OTHER_WAYS)):
        raise InputError("store-profile-asks", profile=_profile_name(environ))
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or profile.get("region")
    found["region"] = region or "us-east-1"
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    endpoint = endpoint_of(names, {"AWS_ENDPOINT_URL": profile.get("endpoint_url", ""), **environ})
    if endpoint:
        found["endpoint"] = endpoint
    for name in ("secret_access_key", "session_token"):
        keep_secret(found.get(name, ""))
    return found


def endpoint_of(names: Sequence[str], environ: Mapping[str, str] = os.environ) -> str:
    """
    The endpoint that the environment names, by the first name that says one; "" for the usual one.

    Raises:
        UsageError: It is no address that can be used, or is in clear and not on this computer.
    """
    for place in names:
        if endpoint := environ.get(place, ""):
            check_address(endpoint, place)
            # A key is never sent in clear over a network, unless that is asked for.
            if is_in_clear(endpoint) and environ.get("AWS_ALLOW_HTTP", "").lower() not in ("1", "true"):
                raise UsageError("store-in-clear", address=endpoint, place=place)
            return endpoint.rstrip("/")
    return ""


def may_go_in_clear(endpoint: str) -> bool:
    """Whether an endpoint that was taken is asked without encryption."""
    return urlsplit(endpoint).scheme.lower() == "http"


def has_no_s3_key(settings: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> bool:
    """Whether there is no key, and nothing that could give one."""
    return (
        "access_key_id" not in settings
        and not any(environ.get(name) for name in _GIVEN_BY_CLOUD)
        and environ.get("AWS_SKIP_SIGNATURE", "").lower() not in ("1", "true")
        and environ.get("AWS_EC2_METADATA_DISABLED", "").lower() in ("1", "true")
    )


def _profile_name(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"


def _profile(environ: Mapping[str, str]) -> dict[str, str]:
    """What the files of AWS say of the chosen profile, that of credentials over that of settings."""
    name = _profile_name(environ)
    found: dict[str, str] = {}
    is_there = False
    for variable, file, section in (
        ("AWS_CONFIG_FILE", "config", "default" if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ):
        path = Path(environ.get(variable) or Path.home() / ".aws" / file).expanduser()
        # Keys stand behind `=` as they are: a `%` in one means nothing.
        parser = configparser.RawConfigParser(strict=False, default_section="")
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        except (configparser.Error, UnicodeDecodeError):
            # Its words would show the line, which may be one with a key.
            raise InputError("store-profile-broken", path=str(path)) from None
        if parser.has_section(section):
            is_there = True
            found |= {key: value for key, value in parser.items(section) if value}
    if not is_there and name != "default" and not environ.get("AWS_ACCESS_KEY_ID"):
        raise InputError("store-profile-missing", profile=name)
    return found
