//! Images of tasks as inputs of statements.

use chrono::{DateTime, Utc};

use super::columns::IMAGE;
use super::input::{Input, InputValue, Sent};
use super::statement::Cell;
use crate::model::{Due, Task};
use crate::recurrence::Slot;

/// A request that can have the image of a task.
pub(super) trait HasImage: 'static {
    fn image(&self) -> Option<&Task>;
    /// The tags of the image as they are stored.
    fn tags(&self) -> Option<&str>;
    /// The schedule of the image as it is stored.
    fn schedule(&self) -> Option<&str>;
}

/// The inputs of an image, with the names of the columns of a task, in the order of [`IMAGE`].
pub(super) fn inputs<R: HasImage>() -> [Input<R>; IMAGE.len()] {
    fn image<'a, R: HasImage>(sent: &Sent<'a, R>) -> Option<&'a Task> {
        sent.request.image()
    }
    fn time<R: HasImage>(sent: &Sent<'_, R>, of: fn(&Task) -> Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        image(sent).and_then(of)
    }
    [
        Input { name: "title", value: InputValue::Text(|sent| Some(image(sent)?.title.as_str())) },
        Input { name: "description", value: InputValue::Text(|sent| image(sent)?.description.as_deref()) },
        Input { name: "completed", value: InputValue::Bool(|sent| Some(image(sent)?.completed)) },
        Input { name: "created_at", value: InputValue::Time(|sent| time(sent, |task| Some(task.created_at))) },
        Input { name: "updated_at", value: InputValue::Time(|sent| time(sent, |task| Some(task.updated_at))) },
        Input { name: "completed_at", value: InputValue::Time(|sent| time(sent, |task| task.completed_at)) },
        Input { name: "priority", value: InputValue::SmallInt(|sent| Some(image(sent)?.priority.to_stored())) },
        Input { name: "tags", value: InputValue::Text(|sent| sent.request.tags()) },
        Input { name: "due_date", value: InputValue::Text(|sent| image(sent)?.due.as_ref().map(Due::as_str)) },
        Input { name: "series_id", value: InputValue::BigInt(|sent| image(sent)?.series_id) },
        Input {
            name: "occurrence",
            value: InputValue::Text(|sent| image(sent)?.occurrence.as_deref().map(Slot::as_str)),
        },
        Input { name: "schedule", value: InputValue::Text(|sent| sent.request.schedule()) },
    ]
}

/// The value of each column of an image, in the order of [`IMAGE`].
pub(super) fn cells<R: HasImage>() -> impl Iterator<Item = Cell> {
    inputs::<R>().into_iter().map(|input| Cell::Input(input.name))
}
