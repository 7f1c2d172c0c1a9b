use super::Recurrence;

/// The reason why a text is not a [`Recurrence`]. Each message is the rest of a sentence that begins with the name of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecurrence {
    /// The text is neither a preset nor a list of parts.
    #[error("must be a rule like FREQ=WEEKLY;BYDAY=MO,TH, or one of daily, weekdays, weekly, monthly and yearly")]
    NotARule,
    /// The text has more characters than allowed.
    #[error("must be at most {max} characters long", max = Recurrence::MAX_CHARS)]
    TooLong,
    /// FREQ is missing or has an unknown value.
    #[error("must have one FREQ, which is DAILY, WEEKLY, MONTHLY or YEARLY")]
    Frequency,
    /// FREQ is SECONDLY, MINUTELY or HOURLY.
    #[error("must not recur more often than daily: FREQ is DAILY, WEEKLY, MONTHLY or YEARLY")]
    TooOften,
    /// The rule has BYHOUR, BYMINUTE or BYSECOND.
    #[error("must not have BYHOUR, BYMINUTE or BYSECOND: the time of day is that of the due date")]
    TimeOfDay,
    /// INTERVAL is outside its range.
    #[error("must have an INTERVAL from 1 to {max}", max = Recurrence::MAX_INTERVAL)]
    Interval,
    /// COUNT is outside its range.
    #[error("must have a COUNT from 1 to {max}", max = Recurrence::MAX_COUNT)]
    Count,
    /// The rule has COUNT and UNTIL.
    #[error("must not have both COUNT and UNTIL")]
    CountAndUntil,
    /// UNTIL is neither a date nor a time.
    #[error("must have an UNTIL like 20261231, 20261231T235959 or 20261231T235959Z")]
    Until,
    /// UNTIL is a time, and the due date is a day; or UNTIL has no offset, and the due date has one.
    #[error("must have an UNTIL of the kind of the due date: a day, a time without an offset, or a time in UTC")]
    UntilKind,
    /// UNTIL lies before the due date.
    #[error("must not have an UNTIL before the due date")]
    UntilBeforeDue,
    /// A part has an unknown name.
    #[error("must only have parts that RFC 5545 names: FREQ, INTERVAL, COUNT, UNTIL, BYDAY, BYMONTHDAY and so on")]
    UnknownPart,
    /// A part occurs twice.
    #[error("must not have the same part twice")]
    Twice,
    /// A value of BYMONTH, BYMONTHDAY, BYYEARDAY, BYWEEKNO or BYSETPOS is not a number of its range.
    #[error("must have numbers within the ranges of RFC 5545 in BYMONTH, BYMONTHDAY, BYYEARDAY, BYWEEKNO and BYSETPOS")]
    Number,
    /// A value of BYDAY is not a weekday with or without a number.
    #[error("must have a BYDAY of weekdays like MO, or 1MO and -1FR")]
    Weekday,
    /// WKST is not a weekday.
    #[error("must have a WKST of SU, MO, TU, WE, TH, FR or SA")]
    WeekStart,
    /// BYDAY has a number, and FREQ is neither MONTHLY nor YEARLY, or the rule has BYWEEKNO.
    #[error("must have numbers in BYDAY only with FREQ=MONTHLY, or with FREQ=YEARLY without BYWEEKNO")]
    NumberedWeekday,
    /// BYMONTHDAY with FREQ=WEEKLY.
    #[error("must not have BYMONTHDAY with FREQ=WEEKLY")]
    MonthDay,
    /// BYYEARDAY with another FREQ than YEARLY.
    #[error("must have BYYEARDAY only with FREQ=YEARLY")]
    YearDay,
    /// BYWEEKNO with another FREQ than YEARLY.
    #[error("must have BYWEEKNO only with FREQ=YEARLY")]
    WeekNumber,
    /// BYSETPOS without another BY part.
    #[error("must have BYSETPOS only with another BY part")]
    Position,
    /// The rule has no date within ten years after the due date.
    #[error("must have a date within {years} years after the due date", years = Recurrence::MAX_YEARS)]
    Never,
}
