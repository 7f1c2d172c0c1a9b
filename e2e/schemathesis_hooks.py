"""Hooks of Schemathesis.

The server also understands values that the document's schemas do not have, see docs/front-ends.md. A negative test with one of the values
below therefore prefers strict handling, which refuses it. Everything else is tested as it is generated.
"""

import re
import uuid

import schemathesis

SORT_KEYS = ["created_at", "updated_at", "due_date", "priority", "title"]

# The fields that take more values than their schema has, each with a test for such a value.
LENIENT_PARAMETERS = {"sort_by": lambda value: value not in SORT_KEYS}
LENIENT_FIELDS = {
    "tags": lambda value: isinstance(value, str),
    "recurrence": lambda value: value is not None and not (isinstance(value, str) and len(value) <= 500),
    "reminders": lambda value: value is False or isinstance(value, str),
}


# Schemathesis covers headers with letters and digits only, whatever their pattern is. Such a value is no valid If-Match.
LETTERS_AND_DIGITS = re.compile("[A-Za-z0-9]*")


@schemathesis.hook
def map_case(context, case):
    is_negative = case.meta is not None and case.meta.generation.mode.is_negative
    if not is_negative and LETTERS_AND_DIGITS.fullmatch((case.headers or {}).get("If-Match", "*")):
        case.headers = {name: value for name, value in case.headers.items() if name != "If-Match"}
    if not is_negative and "Idempotency-Key" in (case.headers or {}):
        # A key that was used for another request is refused.
        case.headers = {**case.headers, "Idempotency-Key": str(uuid.uuid4())}
    if is_negative and (has_any(LENIENT_PARAMETERS, case.query) or has_any(LENIENT_FIELDS, case.body)):
        case.headers = {**(case.headers or {}), "Prefer": "handling=strict"}
    return case


def has_any(lenient, values):
    if not isinstance(values, dict):
        return False
    return any(name in values and is_other(values[name]) for name, is_other in lenient.items())
