"""
What each reply code of the venue means for a write, as one table. Classification is by number, never by text.

Codes that are not listed are doubt, like the ones that are listed as doubt: the request may have had its effect.
"""

from enum import StrEnum
from typing import Final


class ReplyClass(StrEnum):
    """How to react to an answer; the reactions per kind of request are in `orders/gateway`."""

    ACCEPTED = "accepted"
    NO_CHANGE = "no_change"
    LATER = "later"
    CLOCK = "clock"
    DOUBT = "doubt"
    EXISTS = "exists"
    GONE = "gone"
    FUNDS = "funds"
    LIMITS = "limits"
    QUOTA = "quota"
    SYMBOL = "symbol"
    DANGER = "danger"
    AUTH = "auth"
    BAN = "ban"
    MODE = "mode"
    BUG = "bug"


_CODES: Final[dict[ReplyClass, tuple[int, ...]]] = {
    ReplyClass.ACCEPTED: (0,),
    ReplyClass.NO_CHANGE: (110025, 110026, 110027, 110043, 34040),
    ReplyClass.LATER: (10006, 170005, 170222),
    ReplyClass.CLOCK: (10002, -1),
    ReplyClass.DOUBT: (
        *(429, 5004, 10000, 10014, 10016, 10019, 10403, 10429, 20003, 20006, 40004, 110035, 110079),
        *(170001, 170007, 170032, 170146, 170147, 500000),
    ),
    ReplyClass.EXISTS: (110072, 170141),
    ReplyClass.GONE: (110001, 110008, 110010, 110017, 170213),
    ReplyClass.FUNDS: (110004, 110006, 110007, 110012, 110014, 110044, 110045, 110051, 110052, 110053, 170131),
    ReplyClass.LIMITS: (
        *(10001, 110003, 110013, 110048, 110059, 110060, 110064, 110086, 110089, 110090),
        *(110092, 110093, 110094, 110108, 110109, 110118, 110120, 110121, 181017),
        *(170124, 170136, 170140, 170371, 170372),
    ),
    ReplyClass.QUOTA: (110009, 110020, 110061),
    ReplyClass.SYMBOL: (
        *(110021, 110023, 110042, 110063, 110066, 110074, 110100, 110123, 110125, 110132),
        *(10029, 30228),
    ),
    ReplyClass.DANGER: (110011, 110039, 110040, 110046),
    ReplyClass.AUTH: (10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 33004, -2015, 110124),
    ReplyClass.BAN: (10018,),
    ReplyClass.MODE: (10028, 100028, 110024, 110028, 110029, 110073, 110076, 3400045),
    ReplyClass.BUG: (10017, 10404),
}

REPLY_CLASS: Final[dict[int, ReplyClass]] = {code: cls for cls, codes in _CODES.items() for code in codes}


def classify(code: int) -> ReplyClass:
    """Class of a reply code; `DOUBT` for every code that is not in the table."""
    return REPLY_CLASS.get(code, ReplyClass.DOUBT)


def classify_http(status: int) -> ReplyClass | None:
    """Class of an HTTP status that replaces the body's code, or None when the body decides."""
    if status == 401:
        return ReplyClass.AUTH
    if status == 403:
        return ReplyClass.BAN
    if status == 429 or status >= 500:
        return ReplyClass.DOUBT
    return None
