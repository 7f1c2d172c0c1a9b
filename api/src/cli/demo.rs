//! `api demo USER`: example tasks, so that lists, searches and filters show something.

use std::error::Error;

use chrono::{Days, NaiveDate, Utc};
use service::tasks::{self, Conditions, Description, Due, Filter, NewTask, Priority, Tags, Title};
use service::{Caller, Store, UserId};

use super::{cause, notice};
use crate::auth;
use crate::config::DatabaseConfig;

/// An example task.
struct Example {
    title: &'static str,
    description: Option<&'static str>,
    priority: Priority,
    /// Separated by spaces.
    tags: &'static str,
    due: Option<DueAfter>,
    completed: bool,
}

/// A due date, as the number of days after today.
enum DueAfter {
    Days(i64),
    /// At this time of the day.
    At(i64, &'static str),
}

impl Example {
    const fn new(title: &'static str, priority: Priority, tags: &'static str, due: Option<DueAfter>) -> Self {
        Self { title, description: None, priority, tags, due, completed: false }
    }

    const fn described(self, description: &'static str) -> Self {
        Self { description: Some(description), ..self }
    }

    const fn completed(self) -> Self {
        Self { completed: true, ..self }
    }

    fn task(&self, today: NaiveDate) -> Result<NewTask, Box<dyn Error>> {
        let due = match &self.due {
            Some(DueAfter::Days(days)) => Some(day(today, *days).to_string()),
            Some(DueAfter::At(days, time)) => Some(format!("{}T{time}", day(today, *days))),
            None => None,
        };
        Ok(NewTask {
            title: Title::parse(self.title)?,
            description: self.description.map(Description::parse).transpose()?,
            priority: self.priority,
            tags: Tags::parse(self.tags.split_whitespace().map(str::to_owned).collect())?,
            due: due.map(Due::parse).transpose()?,
            schedule: None,
        })
    }
}

fn day(today: NaiveDate, days: i64) -> NaiveDate {
    let distance = Days::new(days.unsigned_abs());
    if days < 0 { today - distance } else { today + distance }
}

/// The examples, in the order of their creation.
const EXAMPLES: [Example; 12] = [
    Example::new("Plan the summer holiday", Priority::Low, "friends travel", Some(DueAfter::Days(30))),
    Example::new("Learn ten words of Portuguese", Priority::Low, "learning travel", None).completed(),
    Example::new("Repair the bicycle", Priority::Medium, "home", Some(DueAfter::Days(-5)))
        .described("The rear brake, and a new bell")
        .completed(),
    Example::new("Pay the electricity bill", Priority::High, "home money", Some(DueAfter::Days(-2)))
        .described("The reference is on the second page"),
    Example::new("Call the dentist", Priority::Medium, "health", Some(DueAfter::Days(-1))),
    Example::new("Renew the passport", Priority::Medium, "travel", Some(DueAfter::Days(20)))
        .described("Needed: two photos and the old passport"),
    Example::new("Send the report to Anna", Priority::High, "work", Some(DueAfter::Days(0)))
        .described("With the figures of last month"),
    Example::new("Water the plants", Priority::None, "home", Some(DueAfter::Days(0))).completed(),
    Example::new("Prepare the team meeting", Priority::Medium, "work", Some(DueAfter::At(1, "10:00")))
        .described("Agenda, room, and a camera for those who are away"),
    Example::new("Buy milk and bread", Priority::None, "home shopping", Some(DueAfter::Days(1)))
        .described("Two litres"),
    Example::new("Book a table at the Crème Café", Priority::Low, "friends", Some(DueAfter::Days(4))),
    Example::new("Read the chapter on ownership", Priority::None, "learning", None),
];

/// Adds the examples to the tasks of a user. Returns sentences about it for the operator.
///
/// # Errors
/// If the user has tasks already, unless `more` is set; or if the database fails.
pub(super) async fn run(config: &DatabaseConfig, user: UserId, more: bool) -> Result<String, Box<dyn Error>> {
    let store = Store::open(&config.connection(), notice).await.map_err(|error| cause("opened", &error))?;
    if config.migrate_on_start {
        store.db().migrate().await.map_err(|error| cause("migrated", &error))?;
    }
    let added = add(&store, user, more).await;
    store.close().await?;
    added
}

async fn add(store: &Store, user: UserId, more: bool) -> Result<String, Box<dyn Error>> {
    let name = user.as_str().to_owned();
    let caller = auth::operator_as(user);
    let failed = |error: service::Error| cause("used", &error);
    let count = tasks::count(store, &caller, &Filter::default()).await.map_err(failed)?;
    if count > 0 && !more {
        return Err(format!(
            "{name} has tasks already ({count}). To add the examples to them, repeat this with --more"
        )
        .into());
    }
    for example in &EXAMPLES {
        create(store, &caller, example).await?;
    }
    let completed = EXAMPLES.iter().filter(|example| example.completed).count();
    Ok(format!(
        "Added {} tasks for {name}, {completed} of them completed. Lists to try:\n  \
         /api/tasks?due=overdue\n  \
         /api/tasks?status=pending&sort=-priority,due_date\n  \
         /api/tasks?tag=home\n  \
         /api/tasks?search=creme",
        EXAMPLES.len()
    ))
}

async fn create(store: &Store, caller: &Caller, example: &Example) -> Result<(), Box<dyn Error>> {
    let failed = |error: service::Error| cause("used", &error);
    let new = example.task(Utc::now().date_naive())?;
    let task = tasks::create(store, caller, new, None).await.map_err(failed)?.value;
    if example.completed {
        tasks::set_completed(store, caller, task.id, true, &Conditions::default()).await.map_err(failed)?;
    }
    Ok(())
}
