//! What the document says of fields and parameters: the rules of [`service::tasks`], so that the two cannot differ.

use crate::json::list_query::MAX_LIMIT;
use service::tasks::{Description, Due, Search, Tag, Tags, Title};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};

/// The rules of [`Title`], so that the document cannot differ from them.
pub(crate) fn title() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What is to be done: not blank, no U+0000. Lengths count Unicode scalar values."))
        .min_length(Some(1))
        .max_length(Some(Title::MAX_CHARS))
        .pattern(Some(Title::PATTERN))
        .into()
}

/// The rules of [`Description`].
pub(crate) fn description() -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("More about it: no U+0000. Lengths count Unicode scalar values."))
        .max_length(Some(Description::MAX_CHARS))
        .pattern(Some(Description::PATTERN))
        .into()
}

/// The rules of [`Tag`].
pub(crate) fn tag() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A label: not blank, no control characters. Lengths count Unicode scalar values."))
        .min_length(Some(1))
        .max_length(Some(Tag::MAX_CHARS))
        .pattern(Some(Tag::PATTERN))
}

/// The rules of [`Tags`]. That no tag comes twice, whatever its case, is told in words.
pub(crate) fn tags_or_null() -> Schema {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .description(Some(
            "Labels, in an order that is kept; none twice (upper and lower case do not count). Null is none at all.",
        ))
        .items(tag())
        .max_items(Some(Tags::MAX))
        .unique_items(true)
        .into()
}

/// The rules of [`Due`].
pub(crate) fn due_date() -> AnyOfBuilder {
    let text = |format| ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)));
    AnyOfBuilder::new()
        .description(Some("A day, wherever you are, or an instant (RFC 3339)."))
        .item(text(KnownFormat::Date))
        .item(text(KnownFormat::DateTime).max_length(Some(Due::MAX_CHARS)))
}

pub(crate) fn due_date_or_null() -> Schema {
    due_date().item(ObjectBuilder::new().schema_type(Type::Null)).into()
}

pub(crate) fn new_due_date() -> Schema {
    let empty = ObjectBuilder::new().schema_type(Type::String).max_length(Some(0));
    due_date().item(empty).item(ObjectBuilder::new().schema_type(Type::Null)).into()
}

/// The tags of a filter.
pub(crate) fn tag_list() -> Schema {
    ArrayBuilder::new()
        .description(Some("Only tasks with this tag; with all of them where it is repeated. Case does not count."))
        .items(tag())
        .max_items(Some(Tags::MAX))
        .into()
}

pub(crate) fn due_before() -> Schema {
    due_date()
        .description(Some("Only tasks that are due before this. A task that is due on a day is due at its end."))
        .into()
}

pub(crate) fn due_after() -> Schema {
    due_date().description(Some("Only tasks that are due after this.")).into()
}

/// The time zones are those of the IANA database, too many to list.
pub(crate) fn zone() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "Where you are: a time zone of the IANA database, UTC without it. A day begins and ends there.",
        ))
        .examples([serde_json::json!("Europe/Berlin")])
        .into()
}

/// The rules of a page's size.
pub(crate) fn limit() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some(
            "At most so many tasks; without it all of them. Where there are more, `Link` tells where the next page is.",
        ))
        .minimum(Some(1))
        .maximum(Some(MAX_LIMIT))
        .into()
}

/// The rules of [`Search`].
pub(crate) fn search() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "Only tasks with this in their title or description. Case and accents do not count, in any script.",
        ))
        .max_length(Some(Search::MAX_CHARS))
        .pattern(Some(Description::PATTERN))
        .into()
}
