"""What the Graph API answers when it does not do what it was asked: Meta's error bodies.

    raise Refusal(131008, "Parameter 'text' is mandatory for type 'text'")

Branch on `code` alone, as Meta says: titles and HTTP status are for people and proxies.
"""

from dataclasses import dataclass
from secrets import token_hex

from services.events import Json


@dataclass(frozen=True, slots=True)
class Kind:
    """What a code is called, and the HTTP status it comes with."""

    title: str
    status: int = 400
    type: str = "OAuthException"
    subcode: int | None = None
    transient: bool | None = None


KINDS = {
    0: Kind("AuthException", 401),
    1: Kind("An unknown error occurred", 500, transient=False),
    2: Kind("Service temporarily unavailable", 503, transient=True),
    4: Kind("Application request limit reached", transient=True),
    10: Kind("Application does not have permission for this action", 403),
    33: Kind("Parameter value is not valid"),
    100: Kind("Invalid parameter"),
    104: Kind("An access token is required", 401),
    190: Kind("Access token has expired", 401, subcode=463),
    368: Kind("Temporarily blocked for policies violations", 403),
    80007: Kind("Rate limit issues", transient=True),
    130429: Kind("Rate limit hit"),
    131000: Kind("Something went wrong", 500),
    131005: Kind("Access denied", 403),
    131008: Kind("Required parameter is missing"),
    131009: Kind("Parameter value is not valid"),
    131016: Kind("Service unavailable", 500),
    131021: Kind("Recipient cannot be sender"),
    131026: Kind("Message undeliverable"),
    131031: Kind("Account has been locked", 403),
    131042: Kind("Business eligibility payment issue"),
    131047: Kind("Re-engagement message"),
    131048: Kind("Spam rate limit hit"),
    131051: Kind("Unsupported message type"),
    131052: Kind("Media download error"),
    131053: Kind("Media upload error"),
    131056: Kind("(Business Account, Consumer Account) pair rate limit hit"),
    131062: Kind("Business-scoped user ids are not supported for this message"),
    132000: Kind("Number of parameters does not match the expected number of params"),
    132001: Kind("Template name does not exist in the translation", 404),
    132005: Kind("Translated text too long"),
    132012: Kind("Parameter format does not match"),
    132015: Kind("Template is paused"),
    132016: Kind("Template is disabled"),
    132018: Kind("There’s an issue with the parameters in your template"),
}

#: Meta's words for the answers a person is likely to make happen.
DETAILS = {
    0: "We were unable to authenticate the app user.",
    2: "Temporary due to downtime or due to being overloaded.",
    4: "The app has reached its API call rate limit.",
    190: "Your access token has expired.",
    368: "The WhatsApp Business Account associated with the app has been restricted or disabled "
    "for violating a platform policy.",
    130429: "Cloud API message throughput has been reached.",
    131000: "Message failed to send due to an unknown error.",
    131026: "Message undeliverable.",
    131031: "The WhatsApp Business Account associated with the app has been restricted or disabled "
    "for violating a platform policy, or we were unable to verify data included in the request "
    "against data set on the WhatsApp Business Account.",
    131042: "There was an error related to your payment method.",
    131047: "Message failed to send because more than 24 hours have passed since the customer last "
    "replied to this number.",
    131048: "Message failed to send because there are restrictions on how many messages can be "
    "sent from this phone number.",
    131056: "Too many messages sent from the sender phone number to the same recipient phone "
    "number in a short period of time.",
}


class Refusal(Exception):
    """An answer with an error body. `message` replaces the title where Meta writes a sentence."""

    def __init__(
        self, code: int, details: str | None = None, *, message: str | None = None, **changed: int
    ) -> None:
        super().__init__(code)
        self.code = code
        self.details = details or DETAILS.get(code)
        kind = KINDS.get(code, Kind("Something went wrong"))
        self.title = kind.title
        self.status = changed.get("status", kind.status)
        self.message = message or f"(#{code}) {kind.title}"
        self.subcode = changed.get("subcode", kind.subcode)
        self.type = kind.type
        self.transient = kind.transient

    def body(self) -> Json:
        """The answer's JSON."""
        error: Json = {"message": self.message, "type": self.type, "code": self.code}
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.transient is not None:
            error["is_transient"] = self.transient
        return {"error": error | {"fbtrace_id": f"A{token_hex(11)}"}}


class NoSuchObject(Refusal):
    """An id that is nobody's, or whose time is over."""

    def __init__(self, method: str, object_id: str) -> None:
        super().__init__(
            100,
            message=f"Unsupported {method} request. Object with ID '{object_id}' does not exist, "
            "cannot be loaded due to missing permissions, or does not support this operation.",
            subcode=33,
        )
        self.type = "GraphMethodException"
        self.details = None
