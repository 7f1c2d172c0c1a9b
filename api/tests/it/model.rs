//! A small model of the server in memory, with recurring tasks.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

/// An action of a user. A task is named by its number in the model; a number that is too large stands for an id without a task.
#[derive(Clone, Debug)]
pub enum Action {
    Create(Value),
    List(&'static str),
    Get(usize),
    Update(usize, Value),
    EndSeries(usize),
    Toggle(usize),
    Set(usize, bool),
    Delete(usize),
    DeleteSeries(usize),
    Restore(usize),
    CompleteAll,
    DeleteCompleted,
}

/// A task that exists.
#[derive(Clone, Debug)]
struct Task {
    /// The fields that an answer has.
    fields: Value,
    /// Whether something was written to it since it was created.
    is_touched: bool,
    /// The number of further occurrences that COUNT allows.
    left: Option<u32>,
    /// The number of the occurrence that its completion created.
    next: Option<usize>,
}

/// Each task that was created.
#[derive(Debug)]
struct Created {
    owner: usize,
    /// The number of the first task of its series, and what it stands for.
    occurrence: Option<(usize, String)>,
    id: i64,
    /// `None` if it is deleted.
    task: Option<Task>,
    /// The task as it was when it was last deleted.
    deleted: Option<Task>,
}

#[derive(Debug, Default)]
pub struct Model {
    tasks: Vec<Created>,
}

impl Model {
    /// Returns the number of tasks that were created.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Returns the first task of the series of a task, and what the task stands for.
    pub fn occurrence(&self, place: usize) -> Option<(usize, &str)> {
        self.tasks[place].occurrence.as_ref().map(|(root, occurrence)| (*root, occurrence.as_str()))
    }

    /// Gives all tasks their ids, in whose order lists are.
    pub fn set_ids(&mut self, ids: &[i64]) {
        for (task, id) in self.tasks.iter_mut().zip(ids) {
            task.id = *id;
        }
    }

    /// Takes the due date out of an update of a recurring task, unless it is null. The model does not know how a series moves.
    pub fn keep_due_date(&self, action: &mut Action) {
        let Action::Update(place, changes) = action else { return };
        let task = self.tasks.get(*place).and_then(|created| created.task.as_ref());
        if task.is_some_and(is_recurring) && changes.get("due_date").is_some_and(Value::is_string) {
            changes.as_object_mut().unwrap().remove("due_date");
        }
    }

    /// Returns the status and the body that this user must get.
    pub fn act(&mut self, user: usize, action: &Action) -> (u16, Value) {
        match action {
            Action::Create(new) => {
                let place = self.tasks.len();
                let mut fields = new.clone();
                fields["completed"] = json!(false);
                let rule = new["recurrence"].as_str();
                let occurrence = rule.map(|_| (place, new["due_date"].as_str().unwrap().to_owned()));
                if let Some((_, occurrence)) = &occurrence {
                    fields["occurrence"] = json!(occurrence);
                }
                let left = rule.and_then(|rule| rule.strip_suffix("COUNT=2")).map(|_| 1);
                self.add(user, occurrence, Task { fields: fields.clone(), is_touched: false, left, next: None });
                (201, fields)
            }
            Action::List(query) => {
                let shown = |task: &Value| match *query {
                    "status=pending" => task["completed"] == false,
                    "status=completed" => task["completed"] == true,
                    "priority=high" => task["priority"] == "high",
                    "tag=école" => task["tags"].as_array().unwrap().contains(&json!("ÉCOLE")),
                    _ => true,
                };
                let mut mine: Vec<_> = self.tasks.iter().filter(|created| created.owner == user).collect();
                mine.sort_by_key(|created| -created.id);
                let fields = mine.into_iter().filter_map(|created| Some(&created.task.as_ref()?.fields));
                (200, fields.filter(|fields| shown(fields)).cloned().collect())
            }
            Action::Get(place) => self.on(user, *place, |_| {}),
            Action::Update(place, changes) => {
                let recurs = self.own(user, *place).is_ok_and(is_recurring);
                if recurs && changes.get("due_date").is_some_and(Value::is_null) {
                    return (422, Value::Null);
                }
                self.on(user, *place, |model| model.change(*place, changes))
            }
            Action::EndSeries(place) => self.on(user, *place, |model| {
                let task = model.task(*place);
                for name in ["recurrence", "time_zone", "missed"] {
                    task.fields.as_object_mut().unwrap().remove(name);
                }
                (task.is_touched, task.next) = (true, None);
            }),
            Action::Toggle(place) => self.on(user, *place, |model| {
                let completed = model.task(*place).fields["completed"] != true;
                model.change(*place, &json!({"completed": completed}));
            }),
            Action::Set(place, completed) => {
                self.on(user, *place, |model| model.change(*place, &json!({"completed": completed})))
            }
            Action::Delete(place) => self.deletion(user, *place, |model| {
                let next = if model.task(*place).fields["completed"] == true { None } else { model.next(*place) };
                model.delete(*place);
                if let Some((occurrence, next)) = next {
                    model.add(user, Some(occurrence), next);
                }
            }),
            Action::DeleteSeries(place) => self.deletion(user, *place, |model| {
                let open =
                    |created: &Created| created.task.as_ref().is_some_and(|task| task.fields["completed"] == false);
                let root = model.occurrence(*place).map(|(root, _)| root);
                let of_series =
                    |other: &usize| root.is_some() && model.occurrence(*other).map(|(root, _)| root) == root;
                let others = (0..model.len()).filter(of_series).filter(|other| open(&model.tasks[*other]));
                let all: Vec<_> = others.filter(|other| other != place).chain([*place]).collect();
                for other in all {
                    model.delete(other);
                }
            }),
            Action::Restore(place) => self.restore(user, *place),
            Action::CompleteAll => {
                let places = self.all(user, false);
                for place in &places {
                    self.change(*place, &json!({"completed": true}));
                }
                (200, json!({"count": places.len()}))
            }
            Action::DeleteCompleted => {
                let places = self.all(user, true);
                for place in &places {
                    self.delete(*place);
                }
                (200, json!({"count": places.len()}))
            }
        }
    }

    fn add(&mut self, owner: usize, occurrence: Option<(usize, String)>, task: Task) -> usize {
        self.tasks.push(Created { owner, occurrence, id: 0, task: Some(task), deleted: None });
        self.tasks.len() - 1
    }

    /// A task that exists.
    fn task(&mut self, place: usize) -> &mut Task {
        self.tasks[place].task.as_mut().unwrap()
    }

    /// Returns a task of a user, or the status of the refusal.
    fn own(&self, user: usize, place: usize) -> Result<&Task, u16> {
        let created = self.tasks.get(place).ok_or(404_u16)?;
        match &created.task {
            None => Err(404),
            Some(_) if created.owner != user => Err(403),
            Some(task) => Ok(task),
        }
    }

    /// Writes to a task of the user, and returns it.
    fn on(&mut self, user: usize, place: usize, write: impl FnOnce(&mut Self)) -> (u16, Value) {
        if let Err(status) = self.own(user, place) {
            return (status, Value::Null);
        }
        write(self);
        (200, self.task(place).fields.clone())
    }

    fn deletion(&mut self, user: usize, place: usize, delete: impl FnOnce(&mut Self)) -> (u16, Value) {
        if let Err(status) = self.own(user, place) {
            return (status, Value::Null);
        }
        delete(self);
        (204, Value::Null)
    }

    /// The user's completed tasks, or the open ones, in the order of their ids.
    fn all(&self, user: usize, completed: bool) -> Vec<usize> {
        let is_meant = |place: &usize| {
            let created = &self.tasks[*place];
            let task = created.task.as_ref().filter(|_| created.owner == user);
            task.is_some_and(|task| task.fields["completed"] == completed)
        };
        let mut places: Vec<usize> = (0..self.len()).filter(is_meant).collect();
        places.sort_by_key(|place| self.tasks[*place].id);
        places
    }

    fn delete(&mut self, place: usize) {
        let created = &mut self.tasks[place];
        created.deleted = created.task.take();
    }

    fn restore(&mut self, user: usize, place: usize) -> (u16, Value) {
        let Some(created) = self.tasks.get(place).filter(|created| created.owner == user) else {
            return (404, Value::Null);
        };
        if let Some(task) = &created.task {
            return (200, task.fields.clone());
        }
        let is_same = |other: &Created| other.task.is_some() && other.occurrence == created.occurrence;
        if created.occurrence.is_some() && self.tasks.iter().any(is_same) {
            return (409, Value::Null);
        }
        let restored = Task { is_touched: true, ..created.deleted.clone().unwrap() };
        let fields = restored.fields.clone();
        self.tasks[place].task = Some(restored);
        (200, fields)
    }

    /// Changes fields of a task, and does what follows from a completion.
    fn change(&mut self, place: usize, changes: &Value) {
        if changes == &json!({}) {
            return;
        }
        let was_completed = self.task(place).fields["completed"] == true;
        let task = self.task(place);
        task.fields.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        task.is_touched = true;
        match (was_completed, task.fields["completed"] == true) {
            (false, true) => {
                if let Some((occurrence, next)) = self.next(place) {
                    let owner = self.tasks[place].owner;
                    self.task(place).next = Some(self.add(owner, Some(occurrence), next));
                }
            }
            (true, false) => self.take_back(place),
            _ => {}
        }
    }

    /// The occurrence after this one, unless there is a later one already, or the series has ended.
    fn next(&mut self, place: usize) -> Option<((usize, String), Task)> {
        let task = self.tasks[place].task.clone().filter(is_recurring)?;
        let (root, occurrence) = self.tasks[place].occurrence.clone()?;
        if self.last_other(place).is_some_and(|last| last > occurrence) {
            return None;
        }
        let left = match task.left {
            Some(left) => Some(left.checked_sub(1)?),
            None => None,
        };
        let days = if task.fields["recurrence"] == "FREQ=WEEKLY" { 7 } else { 1 };
        let date: NaiveDate = occurrence.parse().unwrap();
        let date = date.checked_add_days(Days::new(days)).unwrap().to_string();
        let mut fields = task.fields;
        for (name, value) in [("completed", json!(false)), ("due_date", json!(date)), ("occurrence", json!(date))] {
            fields[name] = value;
        }
        Some(((root, date), Task { fields, is_touched: false, left, next: None }))
    }

    /// The last occurrence of the series of a task without the task.
    fn last_other(&self, place: usize) -> Option<String> {
        let (root, _) = self.occurrence(place)?;
        let others = (0..self.len()).filter(|other| *other != place && self.tasks[*other].task.is_some());
        let of_series = others.filter_map(|other| self.occurrence(other)).filter(|(other, _)| *other == root);
        of_series.map(|(_, occurrence)| occurrence.to_owned()).max()
    }

    /// Takes a completion back: the next occurrence is deleted if nothing was written to it. If it was deleted with the series, the
    /// series stays ended.
    fn take_back(&mut self, place: usize) {
        let Some(next) = self.task(place).next.take() else { return };
        match self.tasks[next].task.as_ref().map(|task| task.is_touched) {
            Some(false) => self.delete(next),
            Some(true) => {}
            None => {
                let own = self.tasks[place].occurrence.as_ref().map(|(_, own)| own.clone());
                if self.last_other(place) < own {
                    for name in ["recurrence", "time_zone", "missed"] {
                        self.task(place).fields.as_object_mut().unwrap().remove(name);
                    }
                }
            }
        }
    }
}

fn is_recurring(task: &Task) -> bool {
    task.fields.get("recurrence").is_some()
}
