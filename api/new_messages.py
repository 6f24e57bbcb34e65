"""Messages to send, as JSON: what `services.outgoing` has in it, by `type`."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services import outgoing
from services.outgoing import Content


class _New(BaseModel):
    model_config = ConfigDict(extra="forbid")

    quoting: UUID | None = Field(
        default=None, description="The message of the conversation that this one answers."
    )
    key: UUID | None = Field(
        default=None, description="Your own id of this message: sent again it is the same one."
    )


class NewText(_New):
    """Words, up to 4096 characters."""

    type: Literal["text"]
    text: str = Field(max_length=outgoing.MAX_TEXT, examples=["Buenos días, Nadia."])
    preview_url: bool = Field(default=True, description="Show what is behind the first link.")

    def content(self) -> Content:
        """What is sent."""
        return outgoing.Text(self.text, self.preview_url)


class NewPlace(_New):
    """A place on the map."""

    type: Literal["location"]
    latitude: float = Field(examples=[40.4168])
    longitude: float = Field(examples=[-3.7038])
    name: str | None = Field(default=None, max_length=outgoing.MAX_PLACE)
    address: str | None = Field(default=None, max_length=outgoing.MAX_PLACE)

    def content(self) -> Content:
        """What is sent."""
        return outgoing.Place(self.latitude, self.longitude, self.name, self.address)


class NewReaction(_New):
    """An emoji on a message; an empty one takes it back."""

    type: Literal["reaction"]
    to: UUID = Field(description="The message that it is put on.")
    emoji: str = Field(max_length=40, examples=["👍"])

    def content(self) -> Content:
        """What is sent."""
        return outgoing.Reaction(self.to, self.emoji)


class NewTemplate(_New):
    """A template that WhatsApp has approved. Templates with a file above the text are sent from the
    app's pages."""

    type: Literal["template"]
    name: str = Field(max_length=512, examples=["cita_confirmada"])
    language: str = Field(max_length=16, examples=["es"])
    values: dict[str, Annotated[str, Field(max_length=outgoing.MAX_VALUE)]] = Field(
        default={},
        max_length=60,
        description="`1` or a name for the body, `header:1` for the header, `button:0` for a"
        " button's address.",
        examples=[{"1": "Nadia"}],
    )

    def content(self) -> Content:
        """What is sent."""
        return outgoing.TemplateMessage(self.name, self.language, self.values)


NewMessage = Annotated[NewText | NewPlace | NewReaction | NewTemplate, Field(discriminator="type")]
