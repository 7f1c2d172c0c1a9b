//! The schemas of fields and parameters. Their limits are those of [`service::tasks`], so that the document cannot differ from
//! them.

use service::recurrence::{MAX_PREVIEW, Recurrence};
use service::tasks::{Description, Due, Schedule as Scheduling, Search, Tag, Tags, Title};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};

use crate::compat::MAX_LIMIT;

/// The rules of [`Title`].
pub(super) fn title() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "What is to be done. It must not be blank or contain U+0000. Lengths count Unicode scalar values.",
        ))
        .min_length(Some(1))
        .max_length(Some(Title::MAX_CHARS))
        .pattern(Some(Title::PATTERN))
        .into()
}

/// The rules of [`Description`].
pub(super) fn description() -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("More about the task. It must not contain U+0000. Lengths count Unicode scalar values."))
        .max_length(Some(Description::MAX_CHARS))
        .pattern(Some(Description::PATTERN))
        .into()
}

/// The rules of [`Tag`].
pub(super) fn tag() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "A label. It must not be blank or contain control characters. Lengths count Unicode scalar values.",
        ))
        .min_length(Some(1))
        .max_length(Some(Tag::MAX_CHARS))
        .pattern(Some(Tag::PATTERN))
}

/// The rules of [`Tags`]. JSON Schema cannot express that tags must differ in more than case, so the description states it.
pub(super) fn tags_or_null() -> Schema {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .description(Some(
            "Labels. Their order is kept. No label may be repeated, and case is ignored. Null is no label. One text with commas is \
             understood too: `\"home, work\"` is two labels.",
        ))
        .items(tag())
        .max_items(Some(Tags::MAX))
        .unique_items(true)
        .into()
}

/// The rules of [`Due`].
pub(super) fn due_date() -> AnyOfBuilder {
    let text = |format| ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)));
    AnyOfBuilder::new()
        .description(Some(
            "A day in any time zone, or an instant (RFC 3339). A time without an offset, as forms send it, is also taken: `2026-01-31T10:00`, with or without seconds. It is a time in the owner's time zone, and is answered as it was sent.",
        ))
        .item(text(KnownFormat::Date))
        .item(text(KnownFormat::DateTime).max_length(Some(Due::MAX_CHARS)))
}

/// The due date of a task, or null.
pub(super) fn due_date_or_null() -> Schema {
    let wall_time = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A time without an offset, which is a wall time in any time zone."))
        .pattern(Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$"));
    due_date()
        .description(Some("A day in any time zone, an instant (RFC 3339), or a time without an offset."))
        .item(wall_time)
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .into()
}

/// The due date of a new or changed task. An empty text is the same as null.
pub(super) fn new_due_date() -> Schema {
    let empty = ObjectBuilder::new().schema_type(Type::String).max_length(Some(0));
    due_date().item(empty).item(ObjectBuilder::new().schema_type(Type::Null)).into()
}

/// The tags of a filter.
pub(super) fn tag_list() -> Schema {
    ArrayBuilder::new()
        .description(Some(
            "Only tasks with this tag. With several, only tasks with all of these tags: at most 20 different ones. Case is ignored.",
        ))
        .items(tag())
        .into()
}

pub(super) fn due_before() -> Schema {
    due_date()
        .description(Some(
            "Only tasks that are due before this. A task that is due on a day is due at the end of that day. A time without an offset, such as `2026-01-31T10:00`, is a time in the time zone `tz`.",
        ))
        .into()
}

pub(super) fn due_after() -> Schema {
    due_date()
        .description(Some(
            "Only tasks that are due after this. A time without an offset, such as `2026-01-31T10:00`, is a time in the time zone `tz`.",
        ))
        .into()
}

/// A time zone. The names of the IANA database are too many to list.
pub(super) fn zone() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "Your time zone: a name of the IANA database, such as `Europe/Berlin`. Days begin and end in it. The default is UTC.",
        ))
        .into()
}

/// The rules of [`Recurrence`].
pub(super) fn recurrence() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "A rule of RFC 5545, section 3.3.10, with or without the prefix `RRULE:`: FREQ is DAILY, WEEKLY, MONTHLY or YEARLY. Or one of `daily`, `weekdays`, `weekly`, `monthly` and `yearly`. Case is ignored.",
        ))
        .max_length(Some(Recurrence::MAX_CHARS))
        .into()
}

/// The first due date of a series.
pub(super) fn due_date_of_series() -> Schema {
    due_date().into()
}

/// The time zone of a series.
pub(super) fn time_zone() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A name of the IANA database, such as `Europe/Berlin`. Case is ignored."))
        .into()
}

/// The rule of a new or changed task, or null.
pub(super) fn recurrence_or_null() -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(
            "How the task recurs: a rule of RFC 5545, section 3.3.10, with or without the prefix `RRULE:`, whose FREQ is DAILY, WEEKLY, MONTHLY or YEARLY. Or one of `daily`, `weekdays`, `weekly`, `monthly` and `yearly`. Case is ignored. It needs `due_date`, which is the first occurrence, and `time_zone`. Null ends the series: the task stays as it is.",
        ))
        .max_length(Some(Recurrence::MAX_CHARS))
        .examples(["FREQ=WEEKLY;BYDAY=MO,TH", "monthly"])
        .into()
}

/// The time zone of a new or changed task, or null.
pub(super) fn time_zone_or_null() -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(
            "Your time zone: a name of the IANA database, such as `Europe/Berlin`. Case is ignored. It is required for a recurring task, and for reminders with `before`.",
        ))
        .examples(["Europe/Berlin"])
        .into()
}

/// A reminder of a task.
fn reminder() -> OneOfBuilder {
    let text = |description, example: &str| {
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
        text.examples([example])
    };
    let at = text("The instant (RFC 3339).", "2026-01-31T09:00:00+01:00")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .max_length(Some(Due::MAX_CHARS));
    let before = text(
        "The time before the due date, as a duration of ISO 8601 from 0 seconds to 28 days. For a day it counts from 09:00 of that day in `time_zone`.",
        "PT15M",
    )
    .pattern(Some(r"^P(\d+W|(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?)$"));
    OneOfBuilder::new()
        .item(ObjectBuilder::new().property("at", at).required("at"))
        .item(ObjectBuilder::new().property("before", before).required("before"))
}

/// The reminders of a task.
pub(super) fn reminders() -> Schema {
    ArrayBuilder::new()
        .description(Some("The reminders. The first one has the number 1. Only a task with reminders has the field."))
        .items(reminder())
        .max_items(Some(Scheduling::MAX_REMINDERS))
        .into()
}

/// The reminders of a task before or after a change, or null.
pub(super) fn reminders_before_or_after() -> Schema {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .description(Some("The reminders, or null."))
        .items(reminder())
        .max_items(Some(Scheduling::MAX_REMINDERS))
        .into()
}

/// The reminders of a new or changed task, or null.
pub(super) fn reminders_or_null() -> Schema {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .description(Some(
            "All reminders of the task. Those with `before` move with the due date, and the next occurrence has them too. Null is no reminder.",
        ))
        .items(reminder())
        .max_items(Some(Scheduling::MAX_REMINDERS))
        .into()
}

/// The size of a page of the occurrences of a series.
pub(super) fn occurrences_limit() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some(
            "The maximum number of occurrences of a page. The default is 250. If there are more, `Link` has the address of the next page.",
        ))
        .minimum(Some(1))
        .maximum(Some(MAX_LIMIT))
        .into()
}

/// The number of occurrences of a preview.
pub(super) fn preview_count() -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .description(Some("The maximum number of occurrences. The default is 10."))
        .minimum(Some(1))
        .maximum(Some(MAX_PREVIEW))
        .into()
}

pub(super) fn snooze_minutes() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("The minutes from now until the reminder fires, up to 28 days"))
        .minimum(Some(1))
        .maximum(Some(super::snooze::MAX_MINUTES))
        .into()
}

/// The size of a page.
pub(super) fn limit() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some(
            "The maximum number of tasks of a page. Without it, all tasks are returned. If there are more, `Link` has the address of the next page.",
        ))
        .minimum(Some(1))
        .maximum(Some(MAX_LIMIT))
        .into()
}

/// The size of a part of the feed of changes.
pub(super) fn feed_limit() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("The maximum number of changes of a part. The default is 250."))
        .minimum(Some(1))
        .maximum(Some(MAX_LIMIT))
        .into()
}

/// The size of a page of the trash.
pub(super) fn trash_limit() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some(
            "The maximum number of tasks of a page. The default is 250. If there are more, `Link` has the address of the next page.",
        ))
        .minimum(Some(1))
        .maximum(Some(MAX_LIMIT))
        .into()
}

/// The size of a page of the history of a task.
pub(super) fn history_limit() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some(
            "The maximum number of changes of a page. The default is 250. If there are more, `Link` has the address of the next page.",
        ))
        .minimum(Some(1))
        .maximum(Some(MAX_LIMIT))
        .into()
}

/// The rules of [`Search`].
pub(super) fn search() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "Only tasks with this text in their title or description. Case and accents are ignored, in any script.",
        ))
        .max_length(Some(Search::MAX_CHARS))
        .pattern(Some(Description::PATTERN))
        .into()
}
