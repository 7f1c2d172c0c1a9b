//! A small model of the server in memory, with recurring tasks whose rules, due dates and time zones change. None of their occurrences is
//! skipped.

pub mod dates;

use serde_json::{Value, json};

/// An action of a user. A task is named by its number in the model; a number that is too large stands for an id without a task.
#[derive(Clone, Debug)]
pub enum Action {
    Create(Value),
    List(&'static str),
    Get(usize),
    Update(usize, Value),
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
    /// The number of its series in the model. It keeps it when the series ends.
    series: Option<usize>,
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
    id: i64,
    /// `None` if it is deleted.
    task: Option<Task>,
    /// The task as it was when it was last deleted.
    deleted: Option<Task>,
}

#[derive(Debug, Default)]
pub struct Model {
    tasks: Vec<Created>,
    /// The number of series that were begun.
    series: usize,
}

impl Model {
    /// Returns the number of tasks that were created.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Returns the number of the series of a task that exists, and what the task stands for.
    pub fn occurrence(&self, place: usize) -> Option<(usize, &str)> {
        self.tasks[place].task.as_ref().and_then(Task::occurrence)
    }

    /// Gives all tasks their ids, in whose order lists are.
    pub fn set_ids(&mut self, ids: &[i64]) {
        for (task, id) in self.tasks.iter_mut().zip(ids) {
            task.id = *id;
        }
    }

    /// Returns the status and the body that this user must get.
    pub fn act(&mut self, user: usize, action: &Action) -> (u16, Value) {
        match action {
            Action::Create(new) => {
                let mut task = Task {
                    fields: json!({"completed": false}),
                    series: None,
                    is_touched: false,
                    left: None,
                    next: None,
                };
                self.write(&mut task, new, None);
                let fields = task.fields.clone();
                self.add(user, task);
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
                if self.own(user, *place).is_ok_and(|task| is_refused(task, changes)) {
                    return (422, Value::Null);
                }
                self.on(user, *place, |model| model.change(*place, changes))
            }
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
                if let Some(next) = next {
                    model.add(user, next);
                }
            }),
            Action::DeleteSeries(place) => self.deletion(user, *place, |model| {
                let open =
                    |created: &Created| created.task.as_ref().is_some_and(|task| task.fields["completed"] == false);
                let series = model.task(*place).series;
                let of_series =
                    |other: &usize| series.is_some() && model.occurrence(*other).map(|(series, _)| series) == series;
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

    fn add(&mut self, owner: usize, task: Task) -> usize {
        self.tasks.push(Created { owner, id: 0, task: Some(task), deleted: None });
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
        let restored = Task { is_touched: true, ..created.deleted.clone().unwrap() };
        let is_same =
            |other: &Created| other.task.as_ref().is_some_and(|task| task.occurrence() == restored.occurrence());
        if restored.occurrence().is_some() && self.tasks.iter().any(is_same) {
            return (409, Value::Null);
        }
        let fields = restored.fields.clone();
        self.tasks[place].task = Some(restored);
        (200, fields)
    }

    /// Changes fields of a task, and does what follows from a completion.
    fn change(&mut self, place: usize, changes: &Value) {
        if changes == &json!({}) {
            return;
        }
        let last_other = self.last_other(place);
        let before = self.task(place).clone();
        let mut task = before.clone();
        let was_completed = task.fields["completed"] == true;
        self.write(&mut task, changes, last_other.as_deref());
        task.is_touched = true;
        let is_completed = task.fields["completed"] == true;
        *self.task(place) = task;
        match (was_completed, is_completed) {
            (false, true) => {
                if let Some(next) = self.next(place) {
                    let owner = self.tasks[place].owner;
                    self.task(place).next = Some(self.add(owner, next));
                } else {
                    let next = self.task(place).next.filter(|next| self.tasks[*next].task.is_some());
                    self.task(place).next = next;
                }
            }
            (true, false) => self.take_back(place),
            _ => {}
        }
        self.change_later(place, &before);
    }

    /// Gives the later open occurrences of a series the rule that one of them has got, or ends them with it.
    fn change_later(&mut self, place: usize, before: &Task) {
        let rule = |task: &Task| {
            let of = |name: &str| task.fields.get(name).cloned().unwrap_or_default();
            json!({"recurrence": of("recurrence"), "missed": of("missed")})
        };
        let after = self.task(place).clone();
        let Some((series, own)) =
            before.occurrence().filter(|_| before.series == after.series && rule(before) != rule(&after))
        else {
            return;
        };
        let is_later = |other: &usize| self.occurrence(*other).is_some_and(|(of, at)| of == series && at > own);
        let is_open = |other: &usize| {
            self.tasks[*other].task.as_ref().is_some_and(|task| task.fields["completed"] == false && is_recurring(task))
        };
        let later: Vec<usize> = (0..self.len()).filter(is_later).filter(is_open).collect();
        for other in later {
            let mut task = self.task(other).clone();
            self.write(&mut task, &rule(&after), None);
            task.is_touched = true;
            *self.task(other) = task;
        }
    }

    /// Writes the fields of a request, which is not refused. `last_other` is the last occurrence of the series without the task.
    fn write(&mut self, task: &mut Task, changes: &Value, last_other: Option<&str>) {
        let (was_recurring, was_completed) = (is_recurring(task), task.fields["completed"] == true);
        let before = ["due_date", "time_zone"].map(|name| task.fields.get(name).cloned());
        for (name, value) in changes.as_object().unwrap() {
            let is_counted_anew = name == "recurrence" && value.is_string() && task.fields.get(name) != Some(value);
            if is_counted_anew {
                task.left = dates::left(value.as_str().unwrap());
            }
            task.fields[name] = value.clone();
        }
        if !is_recurring(task) {
            task.end_series();
            return;
        }
        let has_moved = before != ["due_date", "time_zone"].map(|name| task.fields.get(name).cloned());
        let occurrence = dates::occurrence_of(task.text("due_date"), task.text("time_zone"));
        if !was_recurring {
            task.series = Some(self.series);
            self.series += 1;
        } else if !has_moved || was_completed || last_other.is_some_and(|last| *occurrence <= *last) {
            // An occurrence that is moved before another one keeps standing for its own.
            return;
        }
        task.fields["occurrence"] = json!(occurrence);
    }

    /// The occurrence after this one, unless there is a later one already, or the series has ended.
    fn next(&mut self, place: usize) -> Option<Task> {
        let task = self.tasks[place].task.clone().filter(is_recurring)?;
        let (_, current) = task.occurrence()?;
        if self.last_other(place).is_some_and(|last| *last > *current) {
            return None;
        }
        let left = match task.left {
            Some(left) => Some(left.checked_sub(1)?),
            None => None,
        };
        let (occurrence, due_date) =
            dates::next(task.text("recurrence"), task.text("time_zone"), current, task.text("due_date"));
        let mut next = Task { is_touched: false, left, next: None, ..task };
        for (name, value) in
            [("completed", json!(false)), ("due_date", json!(due_date)), ("occurrence", json!(occurrence))]
        {
            next.fields[name] = value;
        }
        Some(next)
    }

    /// The last occurrence of the series of a task without the task.
    fn last_other(&self, place: usize) -> Option<String> {
        let (series, _) = self.occurrence(place)?;
        let others = (0..self.len()).filter(|other| *other != place).filter_map(|other| self.occurrence(other));
        others.filter(|(other, _)| *other == series).map(|(_, occurrence)| occurrence.to_owned()).max()
    }

    /// Takes a completion back: the next occurrence is deleted if nothing was written to it. If it was deleted with the series, the
    /// series stays ended.
    fn take_back(&mut self, place: usize) {
        let Some(next) = self.task(place).next.take() else { return };
        match self.tasks[next].task.as_ref().map(|task| task.is_touched) {
            Some(false) => self.delete(next),
            Some(true) => self.task(place).next = Some(next),
            None => {
                let own = self.occurrence(place).map(|(_, own)| own.to_owned());
                if self.last_other(place) < own {
                    self.task(place).end_series();
                }
            }
        }
    }
}

impl Task {
    fn text(&self, name: &str) -> &str {
        self.fields[name].as_str().unwrap()
    }

    fn occurrence(&self) -> Option<(usize, &str)> {
        Some((self.series?, self.fields["occurrence"].as_str()?))
    }

    fn end_series(&mut self) {
        for name in ["recurrence", "time_zone", "missed"] {
            self.fields.as_object_mut().unwrap().remove(name);
        }
        self.next = None;
    }
}

/// Whether the changes are refused: a recurring task needs a due date and a time zone.
fn is_refused(task: &Task, changes: &Value) -> bool {
    let will_recur = changes.get("recurrence").map_or(is_recurring(task), Value::is_string);
    let lacks = |name: &str| changes.get(name).or(task.fields.get(name)).is_none_or(Value::is_null);
    will_recur && (lacks("due_date") || lacks("time_zone"))
}

fn is_recurring(task: &Task) -> bool {
    task.fields.get("recurrence").is_some_and(Value::is_string)
}
