"""Every sentence of a trend, in one catalogue, so that it can be translated. Knows no numbers.

The words report signs and changes; they name no illness and never say that no vet is needed.
"""

TEXTS = {
    "learning": "Still learning what is usual: {sessions} of {min_sessions} filming sessions over"
    " {days} of {min_days} days so far.",
    "learning_bundle": "The model was updated, and old and new scores are not compared: learning"
    " what is usual again, {sessions} of {min_sessions} filming sessions over {days} of"
    " {min_days} days so far.",
    "too_few_clips": "Too few clips to say: {sessions} filming sessions in the last {period_days}"
    " days; {needed} more would do.",
    "too_few_open": "Tense signs had become more frequent by {alarmed}, and since then there are"
    " too few clips to say more: {sessions} sessions in the last {period_days} days;"
    " {needed} more would do.",
    "as_usual": "Tense signs are about as frequent as usual: {now} of clips lately ({now_range},"
    " {now_clips} clips) against {usual} usually ({usual_range}, {usual_clips} clips).",
    "maybe_changed": "Tense signs may have become more frequent: {now} of clips lately"
    " ({now_range}, {now_clips} clips) against {usual} usually ({usual_range}, {usual_clips}"
    " clips); a rise of more than {points} points is {p_rise} likely, not yet enough to be sure.",
    "maybe_less_play": "Playful and relaxed clips may have become rarer: {play_now} lately against"
    " {play_usual} usually ({now_clips} clips against {usual_clips}).",
    "changed": "Tense signs have become more frequent since about {onset}: {now} of clips lately"
    " ({now_range}, {now_clips} clips) against {usual} usually ({usual_range}, {usual_clips}"
    " clips); a rise of more than {points} points is {p_rise} likely.",
    "changed_unsure": "Tense signs had become more frequent since about {onset}; the last weeks"
    " alone leave it open whether they still are: {now} of clips lately ({now_range}, {now_clips}"
    " clips) against {usual} usually ({usual_range}, {usual_clips} clips); a rise of more than"
    " {points} points is {p_rise} likely.",
    "better": "Tense signs have become rarer since about {onset}: {now} of clips lately"
    " ({now_range}, {now_clips} clips) against {usual} usually ({usual_range}, {usual_clips}"
    " clips).",
    "error_rate": "When nothing has changed, such an alert comes about once in {years} pet-years.",
    "mix_moved": "More clips than usual were filmed out of worry, so only routine clips decide.",
    "mix_moved_too_few": "More clips than usual were filmed out of worry, and there are too few"
    " routine clips to decide.",
    "not_a_diagnosis": "This describes behaviour on film and is not a diagnosis; when you are"
    " worried, ask your vet.",
    "in_ten": "{n} in 10",
    "in_ten_range": "{low}-{high} in 10",
    "under_one_in_ten": "fewer than 1 in 10",
    "next_learning": "It completes the picture of what is usual.",
    "next_too_few": "It makes a comparison with usual possible.",
    "next_maybe": "Two check-in clips within 48 hours would show whether the change holds.",
    "next_mix": "Routine clips show what filming out of worry cannot: the ordinary moments.",
    "next_changed": "A routine clip shows whether the change lasts; it also helps a vet to see it.",
    "next_usual": "One routine clip every two or three days notices a change soonest.",
}


def say(key: str, **values: str | int) -> str:
    """Return a sentence of the catalogue with its values filled in."""
    return TEXTS[key].format(**values)


def in_ten(rate: float) -> str:
    """Say a rate between 0 and 1 in words: "3 in 10"."""
    if rate < 0.05:
        return say("under_one_in_ten")
    return say("in_ten", n=round(rate * 10))


def range_in_ten(low: float, high: float) -> str:
    """Say an interval of rates in words: "2-5 in 10"."""
    return say("in_ten_range", low=round(low * 10), high=round(high * 10))


def percent(share: float) -> str:
    """Say a probability, never as certain as 0 or 100 %."""
    return f"{min(99, max(1, round(share * 100)))} %"
