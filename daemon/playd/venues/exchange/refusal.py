"""What the exchange answers when it does not do what was asked: a code of the venue's list and a text."""

from typing import Any, Final

from playd.core.errors import PlaydError

PARAMETER: Final = 10001
OUTSIDE_WINDOW: Final = 10002
UNKNOWN_KEY: Final = 10003
WRONG_SIGNATURE: Final = 10004
NOT_PERMITTED: Final = 10005
TOO_MANY_VISITS: Final = 10006
NOT_AUTHENTICATED: Final = 10007
WRONG_ADDRESS: Final = 10010
WRONG_ACCOUNT_MODE: Final = 10028
NOT_ON_DEMO: Final = 10032
SERVER_ERROR: Final = 10016
TOO_MANY_FROM_ADDRESS: Final = 10403
UNKNOWN_OPERATION: Final = 10404
ALREADY_AUTHENTICATED: Final = 20001
DUPLICATE_REQUEST_ID: Final = 20006
KEY_EXPIRED: Final = 33004
NOT_FOR_UNIFIED: Final = 100028
NO_SUCH_ORDER: Final = 110001
PRICE_INVALID: Final = 110003
MARGIN_TOO_SMALL: Final = 110006
NO_FUNDS: Final = 110007
RISK_LIMIT: Final = 110013
TOO_MANY_CONDITIONAL: Final = 110009
NO_FUNDS_TO_ADD: Final = 110014
REDUCE_ONLY_FLAT: Final = 110017
MODE_HAS_POSITION: Final = 110024
MODE_HAS_ORDERS: Final = 110028
MODE_NOT_SUPPORTED: Final = 110029
TIER_LEVERAGE: Final = 110090
MARGIN_MODE_FAILED: Final = 3400045
MODE_NOT_MODIFIED: Final = 110025
LEVERAGE_NOT_MODIFIED: Final = 110043
WOULD_LIQUIDATE: Final = 110046
DUPLICATE_LINK_ID: Final = 110072
NOT_TRADED: Final = 110074
ISOLATED_ONLY: Final = 110076
LEVELS_AFTER_FILL: Final = 110059
TOO_MANY_PARTIAL: Final = 110061
QTY_BELOW_FILLED: Final = 110064
TOO_MANY_ORDERS: Final = 110020
NOT_RISING: Final = 110092
NOT_FALLING: Final = 110093
NOTIONAL_TOO_SMALL: Final = 110094
NO_MARKET_PRICE: Final = 110118
TOLERANCE_TICKS: Final = 110108
TOLERANCE_PERCENT: Final = 110109
BUY_TOO_HIGH: Final = 110120
SELL_TOO_LOW: Final = 110121
WITHDRAWAL_CLOSED: Final = 131097
OPEN_STATUS_IN_HISTORY: Final = 181017
STOPS_NOT_MODIFIED: Final = 34040


class Refusal(PlaydError):
    """A request that had no effect. `code` and `text` become `retCode` and `retMsg`, `result` what stands beside them."""

    def __init__(self, code: int, text: str, result: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.result = result or {}
