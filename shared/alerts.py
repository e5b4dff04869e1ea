"""Alerts: trend alarms and single-clip red flags, and when the owner is told of them.

A red flag opens with its result. Trend alarms follow the trend from the sweep, which finds what is
owed in `trends_owed`: a result never waits for a trend, and no change is forgotten.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from shared import events, history, notes
from shared.errors import AlertClosed, NotFound
from shared.models import Alert, AlertKind, AlertState, Assessment, EventType, NoteKind, Pet
from shared.trend import State

STEP = {kind: step for step, kind in enumerate(AlertKind, start=1)}
URGENT = "call_today"
QUIET_DAYS = 7  # after a push only a higher step is pushed
CUSUM_OF = {AlertKind.TREND_WORSE: "worse", AlertKind.TREND_LESS_PLAY: "less_play"}
SAID = {
    AlertKind.TREND_LESS_PLAY: "Playful and relaxed clips have become rarer.",
    AlertKind.TREND_WORSE: "Tense signs have become more frequent.",
}

OWED = text("SELECT pet_id FROM trends_owed ORDER BY since LIMIT :most")
TAKE = text("SELECT pet_id FROM trends_owed WHERE pet_id = :pet_id FOR UPDATE SKIP LOCKED")
SETTLED = text("DELETE FROM trends_owed WHERE pet_id = :pet_id")
WAKE = text("""
UPDATE alerts SET state = 'open', snoozed_until = NULL
 WHERE state = 'snoozed' AND snoozed_until <= now()
""")
UNPUSHED = text("""
SELECT id FROM alerts
 WHERE state = 'open' AND pushed_at IS NULL AND kind <> 'red_flag'
   AND NOT EXISTS (SELECT FROM alerts AS told
                    WHERE told.pet_id = alerts.pet_id AND told.step >= alerts.step
                      AND told.pushed_at > now() - make_interval(days => :quiet_days))
 ORDER BY step DESC, id LIMIT 100
""")
PUSH = text("""
UPDATE alerts SET pushed_at = now()
 WHERE id = :id AND state = 'open' AND pushed_at IS NULL
   AND NOT EXISTS (SELECT FROM alerts AS told
                    WHERE told.pet_id = alerts.pet_id AND told.step >= alerts.step
                      AND told.pushed_at > now() - make_interval(days => :quiet_days))
RETURNING id
""")


# --- for the API -----------------------------------------------------------------------------


def chosen(pet: Pet, *, state: AlertState | None = None) -> Select[Alert]:
    """Select the alerts of a pet."""
    query = select(Alert).where(Alert.pet_id == pet.id)
    return query if state is None else query.where(Alert.state == state)


def between(pet: Pet, since: datetime, until: datetime) -> Select[Alert]:
    """Select the alerts of a pet that were open at some time in [since, until)."""
    ended = func.coalesce(Alert.over_at, Alert.closed_at, func.now())
    return chosen(pet).where(Alert.opened_at < until, ended >= since).order_by(Alert.id)


def of_account(account_id: uuid.UUID, state: AlertState) -> Select[Alert]:
    """Select the alerts of all pets of an account in a state, the highest step first."""
    query = select(Alert).join(Pet, Pet.id == Alert.pet_id).where(Pet.account_id == account_id)
    return query.where(Alert.state == state).order_by(Alert.step.desc(), Alert.id.desc())


def count_open(session: Session, account_id: uuid.UUID) -> int:
    """Count the open alerts of an account."""
    open_ones = of_account(account_id, AlertState.OPEN).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(open_ones)) or 0


def assessments_of(session: Session, alarms: Sequence[Alert]) -> dict[uuid.UUID, Assessment]:
    """Give what each red flag among some alerts is about: it says which clip, and when filmed."""
    ids = [alarm.assessment_id for alarm in alarms if alarm.assessment_id]
    found = session.scalars(select(Assessment).where(Assessment.id.in_(ids)))
    by_id = {one.id: one for one in found}
    return {one.id: by_id[one.assessment_id] for one in alarms if one.assessment_id in by_id}


def get(session: Session, account_id: uuid.UUID, alert_id: uuid.UUID) -> Alert:
    """Read an alert of an account. Raises NotFound."""
    return _found(session, _one(account_id, alert_id))


def lock(session: Session, account_id: uuid.UUID, alert_id: uuid.UUID) -> Alert:
    """Read an alert that nobody else changes before this transaction ends. Raises NotFound."""
    return _found(session, _one(account_id, alert_id).with_for_update(of=Alert))


def _one(account_id: uuid.UUID, alert_id: uuid.UUID) -> Select[Alert]:
    query = select(Alert).join(Pet, Pet.id == Alert.pet_id)
    return query.where(Alert.id == alert_id, Pet.account_id == account_id)


def _found(session: Session, query: Select[Alert]) -> Alert:
    alert = session.scalar(query)
    if alert is None:
        raise NotFound
    return alert


def snooze(session: Session, alert: Alert, *, until: datetime, reason: str) -> None:
    """Keep an alert quiet until then; why becomes a context note. Raises AlertClosed."""
    if alert.state == AlertState.CLOSED:
        raise AlertClosed
    now = _now(session)
    alert.state, alert.snoozed_until = AlertState.SNOOZED, until
    notes.create(session, alert.pet_id, at=now, until=until, kind=NoteKind.SNOOZE, text=reason)


def close(session: Session, alert: Alert) -> None:
    """Close an alert. A trend alarm does not open again before it was over."""
    if alert.state == AlertState.CLOSED:
        return
    alert.closed_at = _now(session)
    alert.state, alert.snoozed_until = AlertState.CLOSED, None
    session.flush()
    if alert.pushed_at is not None:  # nobody was told that it opened, else
        _tell(session, alert, EventType.ALERT_CLOSED)


# --- what opens and closes them --------------------------------------------------------------


def is_red_flag(result: dict[str, Any]) -> bool:
    """Tell whether a result asks to call a vet today."""
    return bool(result["recommendation"]["urgency"] == URGENT)


def raise_red_flag(session: Session, assessment_id: uuid.UUID, result: dict[str, Any]) -> None:
    """Open a red flag for an assessment that asks to call a vet today; else do nothing."""
    if not is_red_flag(result):
        return
    of = select(Assessment.pet_id).where(Assessment.id == assessment_id)
    pet_id = session.scalars(of).one()
    alert = Alert(
        pet_id=pet_id, assessment_id=assessment_id, reason=result["recommendation"]["text"]
    )
    _open(session, alert, AlertKind.RED_FLAG)


def close_red_flag(session: Session, assessment_id: uuid.UUID) -> None:
    """Close the red flag of an assessment that somebody corrected, if there is one."""
    query = select(Alert).where(Alert.assessment_id == assessment_id).with_for_update()
    alert = session.scalar(query)
    if alert is not None:
        close(session, alert)


def follow(session: Session, pet_id: uuid.UUID, *, now: datetime) -> bool:
    """Open and close a pet's trend alerts as its trend says; False when somebody else does."""
    if session.scalar(TAKE, {"pet_id": pet_id}) is None:
        return False
    pet = session.get_one(Pet, pet_id)
    answer = history.trend(session, pet, now=now)
    version = history.lock(session, pet_id)
    for kind in CUSUM_OF:
        _follow_one(session, pet_id, kind, answer)
    if version == pet.history_version:  # else the trend is owed still
        session.execute(SETTLED, {"pet_id": pet_id})
    return True


def owed(session: Session, *, most: int) -> list[uuid.UUID]:
    """List pets whose alerts have not followed their history yet, the longest waiting first."""
    return list(session.scalars(OWED, {"most": most}))


def _follow_one(
    session: Session, pet_id: uuid.UUID, kind: AlertKind, answer: dict[str, Any]
) -> None:
    running = session.scalar(
        select(Alert).where(Alert.pet_id == pet_id, Alert.kind == kind, Alert.over_at.is_(None))
    )
    cusum = answer[CUSUM_OF[kind]]
    if cusum is None or not cusum["is_open"]:
        if running is not None:
            running.over_at = _now(session)
            close(session, running)
        return
    # An alarm that worried filming may have made is no alert; one that runs is not taken back.
    undecided = kind is AlertKind.TREND_WORSE and answer["state"] == State.MAYBE_CHANGED
    if running is None and not undecided:
        said = answer["sentence"] if _is_about(kind, answer) else SAID[kind]
        _open(session, Alert(pet_id=pet_id, reason=said), kind)


def _is_about(kind: AlertKind, answer: dict[str, Any]) -> bool:
    return kind is AlertKind.TREND_WORSE and answer["state"] == State.CHANGED


# --- who is told -----------------------------------------------------------------------------


def wake(session: Session) -> None:
    """Open the alerts whose snooze is over."""
    session.execute(WAKE)


def push_due(session: Session) -> None:
    """Tell of trend alerts that were kept quiet for another one, and still are open."""
    for alert_id in session.scalars(UNPUSHED, {"quiet_days": QUIET_DAYS}).all():
        _push(session, session.get_one(Alert, alert_id))


def _open(session: Session, alert: Alert, kind: AlertKind) -> None:
    alert.kind, alert.step = kind, STEP[kind]
    session.add(alert)
    session.flush()
    _push(session, alert)


def _push(session: Session, alert: Alert) -> None:
    """Tell of an alert: once a week and pet, unless this one is a step higher."""
    history.lock(session, alert.pet_id)  # two at once would not see each other
    if session.scalar(PUSH, {"id": alert.id, "quiet_days": QUIET_DAYS}) is not None:
        session.refresh(alert)
        _tell(session, alert, EventType.ALERT_OPENED)


def _now(session: Session) -> datetime:
    """Give the database's time: the only clock."""
    return session.execute(select(func.now())).scalar_one()


def _tell(session: Session, alert: Alert, type_: EventType) -> None:
    pet = session.get_one(Pet, alert.pet_id)
    told = {
        "alert_id": str(alert.id),
        "pet_id": str(alert.pet_id),
        "kind": alert.kind,
        "step": alert.step,
        "state": alert.state,
        "reason": alert.reason,
        "assessment_id": str(alert.assessment_id) if alert.assessment_id else None,
    }
    events.emit(session, pet.account_id, type_, told, pet_id=alert.pet_id)
