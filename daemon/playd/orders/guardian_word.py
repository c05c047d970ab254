"""What is known here of the guardian: which panics it has begun, and which shares it is closing."""

from playd.orders.share_claims import ShareClaims


class GuardianWord:
    """
    From its records and its locks; one for all accounts.

    `begun` are panics by the scope of their level, each with the wall time of its beginning, of which the guardian has not said
    how they ended: nobody else begins to drive them.
    """

    def __init__(self, claims: ShareClaims) -> None:
        self.claims = claims
        self.begun: dict[str, int] = {}
