"""`/api/analytics/summary`: the numbers of the dashboard."""

import re
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, Field

from api.access import Acting
from api.problems import documented
from services.analytics import summary as analytics
from services.analytics.answers import Times
from services.analytics.numbers import Compared
from services.clients import ProfileType


def _written_out(value: object) -> object:
    """A number would be taken for seconds since 1970: raises ValueError."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value), re.ASCII):
        raise ValueError("a day is written as YYYY-MM-DD")
    return value


#: A day in a query.
Day = Annotated[date, BeforeValidator(_written_out)]


class Number(BaseModel):
    """A number of the period, and of as many days directly before."""

    now: int
    before: int

    @classmethod
    def of(cls, compared: Compared) -> "Number":
        return cls(now=compared.now, before=compared.before)


class WorkingTimes(BaseModel):
    """How long answers took, in working minutes; null without an answer."""

    answers: int
    median: int | None = Field(description="Half of them took at most this.", examples=[42])
    p90: int | None = Field(description="Nine of ten took at most this.", examples=[310])

    @classmethod
    def of(cls, times: Times) -> "WorkingTimes":
        return cls(answers=times.answers, median=times.median, p90=times.p90)


class AnswersSummary(BaseModel):
    """Of the answers given in the period."""

    first: WorkingTimes = Field(description="To people who were answered for the first time.")
    first_before: WorkingTimes
    all: WorkingTimes
    all_before: WorkingTimes
    missed: Number = Field(
        description="Windows that closed: 24 hours passed since the person's message without any "
        "answer."
    )


class TodaySummary(BaseModel):
    """What matters today, whatever period is asked for."""

    day: date
    waiting: int = Field(description="People whose last word nobody has answered.")
    closing: int = Field(description="Of these, whose window closes within four hours.")
    failed: int
    missed: int
    new_this_week: int


class DaySummary(BaseModel):
    day: date
    inbound: int
    outbound: int = Field(description="Without those that failed.")


class WeekSummary(BaseModel):
    """A week from Monday; the first and the last of a period may be short."""

    since: date = Field(serialization_alias="from")
    until: date = Field(serialization_alias="to")
    new: int


class AgreementPair(BaseModel):
    proposed: ProfileType
    decided: ProfileType
    people: int


class AgreementSummary(BaseModel):
    """Of people who are new in the period and whose profile staff decided: what the classifier
    proposes from their words, beside the decision."""

    decided: int
    same: int
    pairs: list[AgreementPair]


class WorkloadSummary(BaseModel):
    """Of the people who are assigned to one member of staff now; and what they have sent."""

    staff_id: UUID | None = Field(description="Null: of people who are assigned to nobody.")
    name: str | None
    people: int
    waiting: int
    answers: WorkingTimes
    missed: int
    sent: int = Field(
        description="Messages of the period that this member of staff has sent, to whomever."
    )


class Summary(BaseModel):
    """The numbers of a period, beside those of the one before."""

    since: date = Field(serialization_alias="from")
    until: date = Field(serialization_alias="to")
    is_counting: bool = Field(
        description="Everything is being counted anew: the numbers are not whole yet."
    )
    today: TodaySummary
    people_by_profile: dict[ProfileType, int] = Field(description="Of now, without the archived.")
    people_by_status: dict[str, int]
    people_by_language: dict[str, int] = Field(
        description="Of now. An empty name: nobody has noted one."
    )
    new_people: Number
    new_people_by_week: list[WeekSummary]
    messages_by_day: list[DaySummary]
    inbound: Number
    outbound: Number
    failed_by_reason: dict[str, Number] = Field(
        description="WhatsApp's code, or an empty name where it gave none."
    )
    documents_by_state: dict[str, Number]
    answers: AnswersSummary
    agreement: AgreementSummary
    workload: list[WorkloadSummary] = Field(
        description="Of everybody for admins; otherwise one's own, and of nobody's people."
    )

    @classmethod
    def of(cls, found: analytics.Summary) -> "Summary":
        """The JSON of a summary."""
        today, answers, agreement = found.today, found.answers, found.agreement
        return cls(
            since=found.scope.period.since,
            until=found.scope.period.until,
            is_counting=found.is_counting,
            today=TodaySummary(
                **{name: getattr(today, name) for name in TodaySummary.model_fields}
            ),
            people_by_profile=found.people.by_profile,
            people_by_status=found.people.by_status,
            people_by_language=found.people.by_language,
            new_people=Number.of(found.people.new),
            new_people_by_week=[
                WeekSummary(since=w.since, until=w.until, new=w.n) for w in found.people.new_by_week
            ],
            messages_by_day=[
                DaySummary(day=d.day, inbound=d.inbound, outbound=d.outbound)
                for d in found.messages.days
            ],
            inbound=Number.of(found.messages.inbound),
            outbound=Number.of(found.messages.outbound),
            failed_by_reason={c: Number.of(n) for c, n in found.messages.failed.items()},
            documents_by_state={s: Number.of(n) for s, n in found.documents.by_state.items()},
            answers=AnswersSummary(
                first=WorkingTimes.of(answers.first),
                first_before=WorkingTimes.of(answers.first_before),
                all=WorkingTimes.of(answers.all),
                all_before=WorkingTimes.of(answers.all_before),
                missed=Number.of(answers.missed),
            ),
            agreement=AgreementSummary(
                decided=agreement.decided,
                same=agreement.same,
                pairs=[
                    AgreementPair(proposed=proposed, decided=decided, people=n)
                    for (proposed, decided), n in agreement.pairs.items()
                ],
            ),
            workload=[
                WorkloadSummary(
                    staff_id=w.staff_id,
                    name=w.name,
                    people=w.people,
                    waiting=w.waiting,
                    answers=WorkingTimes.of(w.answers),
                    missed=w.missed,
                    sent=w.sent,
                )
                for w in found.workload
            ],
        )


def router() -> APIRouter:
    """The organisation's numbers."""
    routes = APIRouter(prefix="/api/analytics", tags=["analytics"])

    @routes.get("/summary", summary="The organisation's numbers", responses=documented())
    async def summary(
        actor: Acting,
        since: Annotated[
            Day | None,
            Query(alias="from", description="A day of the organisation's calendar, included."),
        ] = None,
        until: Annotated[
            Day | None, Query(alias="to", description="Included. At most 1,100 days in all.")
        ] = None,
        profile_type: Annotated[ProfileType | None, Query(description="Of these people.")] = None,
        assigned_to: Annotated[
            UUID | Literal["nobody"] | None,
            Query(description="Of this member of staff's people. A colleague's are for admins."),
        ] = None,
    ) -> Summary:
        """The numbers of a period, the last 30 days unless another is asked for, beside those of as
        many days before. For caseworkers and admins. Days are the organisation's own, answers are
        in working minutes. Reading them is on the log."""
        return Summary.of(
            await analytics.summary(
                actor, since=since, until=until, profile=profile_type, whose=assigned_to
            )
        )

    return routes
