"""Secrets do not show themselves, and echoes of keys are removed."""

import copy
import json
import pickle
from dataclasses import dataclass

from playd.core.secret import Secret, redact

VALUE = "hidden-value-0123456789"


@dataclass
class Holder:
    secret: Secret


def test_no_ordinary_form_of_a_secret_shows_it() -> None:
    secret = Secret(VALUE)
    forms = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>30}",
        "%s" % secret,  # noqa: UP031
        repr(Holder(secret)),
        json.dumps(secret, default=str),
        pickle.dumps(secret).decode("latin1"),
    ]
    assert not [form for form in forms if VALUE in form]
    assert secret.reveal() == VALUE


def test_a_copied_secret_still_signs_and_a_pickled_one_does_not() -> None:
    secret = Secret(VALUE)
    assert copy.deepcopy(Holder(secret)).secret.reveal() == VALUE
    assert pickle.loads(pickle.dumps(secret)).reveal() == "***"


def test_a_signature_refusal_is_redacted_and_other_text_is_not() -> None:
    echo = "error sign! origin_string[1700000000000KEYKEYKEYKEY5000category=linear]"
    assert redact(echo) == "error sign! origin_string[***]"
    assert redact(redact(echo)) == redact(echo)
    assert redact("api_key=ABCDEFGHIJKLMNOP is bad") == "api_key=*** is bad"
    plain = "Order price is out of permissible range"
    assert redact(plain) == plain
