"""Fields of plain forms: a label, a hint, what is wrong with it, and the input itself."""

from services.sign_in import SHORTEST_PASSWORD
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.i18n import _


def field(
    name: str,
    label: str,
    *,
    kind: str = "text",
    value: str | None = None,
    autocomplete: str,
    hint: str | None = None,
    error: str | None = None,
    focus: bool = False,
    **attributes: str | bool | None,
) -> Html:
    """One field. The hint and the error are read out with it; the error takes the focus."""
    ident = f"ac-{name}"
    hint_id, error_id = f"{ident}-hint", f"{ident}-error"
    described = [id for id, there in ((hint_id, hint), (error_id, error)) if there]
    return tag(
        "div",
        tag("label", label, for_=ident),
        tag("p", hint, class_="ac-field-hint", id=hint_id) if hint else None,
        tag("p", icon("error"), tag("span", error), class_="ac-field-error", id=error_id)
        if error
        else None,
        tag(
            "input",
            id=ident,
            name_=name,
            type=kind,
            value=value,
            autocomplete=autocomplete,
            required=True,
            autofocus=focus or bool(error),
            aria_describedby=" ".join(described) or None,
            aria_invalid="true" if error else None,
            class_="ac-input",
            **attributes,
        ),
        class_="ac-field",
    )


def email_field(value: str = "", *, focus: bool = False, error: str | None = None) -> Html:
    """An address as a user name; what was typed stays."""
    return field(
        "email",
        _("E-mail"),
        kind="email",
        value=value or None,
        autocomplete="username",
        focus=focus,
        error=error,
        maxlength="254",
        spellcheck="false",
        autocapitalize="none",
    )


def code_field(*, error: str | None = None, focus: bool = False) -> Html:
    """Six digits of an authenticator app; spaces are allowed, as apps show them in two groups."""
    return field(
        "code",
        _("6-digit code"),
        autocomplete="one-time-code",
        error=error,
        focus=focus,
        inputmode="numeric",
        maxlength="12",
        spellcheck="false",
    )


def new_password_fields(
    *, error: str | None = None, repeat_error: str | None = None, email: str = ""
) -> Html:
    """The new password twice, with the address for password managers to keep it under."""
    shortest = str(SHORTEST_PASSWORD)
    return join(
        [
            tag(
                "input",
                type="text",
                name_="username",
                value=email,
                autocomplete="username",
                hidden=True,
                readonly=True,
            )
            if email
            else None,
            field(
                "password",
                _("New password"),
                kind="password",
                autocomplete="new-password",
                hint=_(
                    "At least {n} characters. A sentence is easiest to remember.",
                    n=SHORTEST_PASSWORD,
                ),
                error=error,
                focus=not repeat_error,
                minlength=shortest,
            ),
            field(
                "repeated",
                _("New password again"),
                kind="password",
                autocomplete="new-password",
                error=repeat_error,
                minlength=shortest,
            ),
        ]
    )


def form(action: str, *content: Html | None, submit: str, **hidden: str) -> Html:
    """A form of ours that posts to `action`, with one button that says what it does.

    The server says what is wrong: a browser would, in its own language and for a moment only.
    """
    kept = [tag("input", type="hidden", name_=name, value=value) for name, value in hidden.items()]
    return tag(
        "form",
        *kept,
        *content,
        tag("button", submit, type="submit", class_="ac-button ac-button--primary ac-submit"),
        method="post",
        action=action,
        novalidate=True,
        class_="ac-form",
    )
