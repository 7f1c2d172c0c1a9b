//! A process of clients: it opens a store of its own and sends random requests.

use std::collections::HashMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use service::tasks::{
    self, Change, Changes, Conditions, Description, Due, FeedItem, IdempotencyKey, ListQuery, NewTask, Precondition,
    Priority, Start, Tags, Title, Written,
};
use service::{Actor, Caller, DbConfig, Error, Store, UserId, me};
use tokio::time::{sleep, timeout};

use crate::journal::{Event, Journal, Outcome, Request};
use crate::proxy::{self, Interference};
use crate::random::Random;
use crate::state::{Action, Fields, State};

/// The owners whose data is never erased. Their order by bytes is not their order in a dictionary.
pub(crate) const KEPT: [&str; 6] = ["alice", "Bob", "_carol", "Émile", "dave", "Zoë"];
/// The owners whose data is erased from time to time.
pub(crate) const ERASED: [&str; 2] = ["erin", "Frank"];
/// The maximum number of tasks of an owner.
pub(crate) const MAX_TASKS: u32 = 40;
/// The maximum number of attempts at a request whose answer is lost.
const MAX_ATTEMPTS: u64 = 3;

/// What a process of clients gets to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) url: String,
    /// The file of the journal.
    pub(crate) journal: PathBuf,
    /// The number of the process, which no other has.
    pub(crate) number: u64,
    pub(crate) seed: u64,
    pub(crate) clients: u64,
    /// The number of requests of each client.
    pub(crate) requests: u64,
    /// For the connections to PostgreSQL.
    pub(crate) interference: Option<Interference>,
}

/// Does the orders.
pub(crate) async fn work(orders: Orders) {
    let mut random = Random::new(orders.seed);
    let journal = Arc::new(Journal::append_to(&orders.journal));
    let url = match orders.interference {
        Some(interference) => proxy::start(&orders.url, interference, Arc::clone(&journal), random.next()).await,
        None => orders.url,
    };
    let stores = open(&url).await;
    let clients = (0..orders.clients).map(|client| {
        let client = Client {
            store: stores[usize::try_from(client).unwrap() % stores.len()].clone(),
            journal: Arc::clone(&journal),
            random: Random::new(random.next()),
            name: format!("{}.{client}", orders.number),
            versions: HashMap::new(),
            states: HashMap::new(),
            deleted: HashMap::new(),
            replicas: HashMap::new(),
        };
        client.run(orders.requests)
    });
    join_all(clients).await;
}

/// Opens the database as a server with two workers does. Connections can be cut at this time already.
async fn open(url: &str) -> Vec<Store> {
    let config = DbConfig { max_connections: 7, ..DbConfig::new(url) };
    loop {
        let opened = async {
            let store = Store::open(&config, |_| {}).await?.with_max_tasks(NonZero::new(MAX_TASKS));
            store.split(NonZero::new(2).unwrap(), |_| {}).await
        };
        match opened.await {
            Ok(stores) => return stores,
            Err(Error::Unavailable(_)) => sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string)),
        }
    }
}

struct Client {
    store: Store,
    journal: Arc<Journal>,
    random: Random,
    name: String,
    /// The versions of the tasks that it has seen, by owner and id.
    versions: HashMap<&'static str, HashMap<i64, i64>>,
    /// The states of the lists that it has seen.
    states: HashMap<&'static str, i64>,
    /// The ids of the tasks that it has deleted.
    deleted: HashMap<&'static str, Vec<i64>>,
    /// The copies that it keeps with the feed: their states, and the versions of their tasks.
    replicas: HashMap<&'static str, (i64, HashMap<i64, i64>)>,
}

impl Client {
    async fn run(mut self, requests: u64) {
        for number in 0..requests {
            let all = [&KEPT[..], &ERASED].concat();
            let owner = self.random.pick(&all).copied().unwrap();
            let is_unknown = self.versions.get(owner).is_none_or(HashMap::is_empty);
            if self.random.one_in(if is_unknown { 2 } else { 12 }) {
                self.list(owner).await;
            }
            if self.random.one_in(6) {
                self.follow(owner).await;
            }
            let group = format!("{}.{number}", self.name);
            let (action, if_versions) = self.choose(owner, &group);
            let has_key = self.random.one_in(2) && action != Action::Erase;
            for attempt in 0..MAX_ATTEMPTS {
                let request = Request {
                    name: format!("{group}.{attempt}"),
                    group: group.clone(),
                    owner: owner.to_owned(),
                    action: action.clone(),
                    if_versions: if_versions.clone(),
                    has_key,
                };
                let is_lost = self.attempt(owner, request).await;
                // With a key, an answer that came can be asked for once more.
                let wants_more = is_lost || (has_key && self.random.one_in(4));
                if !wants_more || self.random.one_in(3) {
                    break;
                }
            }
        }
    }

    /// A random write to a task that it knows, or to others.
    fn choose(&mut self, owner: &'static str, group: &str) -> (Action, Option<Vec<i64>>) {
        let mut known: Vec<(i64, i64)> =
            self.versions.entry(owner).or_default().iter().map(|(id, at)| (*id, *at)).collect();
        known.sort_unstable();
        let state = self.states.get(owner).copied();
        let lot = self.random.below(100);
        if lot < 3 && ERASED.contains(&owner) {
            return (Action::Erase, None);
        }
        if lot < 9 {
            let action = if lot.is_multiple_of(2) { Action::CompleteAll } else { Action::DeleteCompleted };
            return (action, state.filter(|_| self.random.one_in(3)).map(|state| vec![state]));
        }
        if lot < 20
            && let Some(id) = self.random.pick(self.deleted.entry(owner).or_default())
        {
            return (Action::Restore(*id), None);
        }
        let Some((id, version)) = self.random.pick(&known).copied().filter(|_| lot > 35) else {
            let title = Some(group.to_owned());
            return (Action::Create(Fields { title, ..self.fields(group) }), None);
        };
        let action = match lot {
            36..50 => Action::Change(id, self.fields(group)),
            50..60 => return (Action::Merge(id, self.fields(group)), Some(vec![version])),
            60..85 => Action::Toggle(id),
            _ => Action::Delete(id),
        };
        let if_versions = match self.random.below(10) {
            0..4 => Some(vec![version]),
            4 => Some(vec![7, version, version + 1]),
            5 => Some(vec![version - 1]),
            _ => None,
        };
        (action, if_versions)
    }

    /// Some fields, at least one.
    fn fields(&mut self, text: &str) -> Fields {
        let chosen = self.random.below(31) + 1;
        let chooses = |bit: u32| chosen & (1 << bit) != 0;
        Fields {
            title: chooses(0).then(|| text.to_owned()),
            description: chooses(1).then(|| if self.random.one_in(3) { String::new() } else { format!("{text} é") }),
            completed: None,
            priority: chooses(2).then(|| i16::try_from(self.random.below(4)).unwrap()),
            tags: chooses(3).then(|| (0..self.random.below(3)).map(|n| format!("{text} {n}")).collect()),
            due: chooses(4).then(|| if self.random.one_in(3) { String::new() } else { "2026-01-31".to_owned() }),
        }
    }

    /// Sends a request. Returns whether its answer was lost.
    async fn attempt(&mut self, owner: &'static str, request: Request) -> bool {
        let (name, id, is_delete) =
            (request.name.clone(), request.action.id(), matches!(request.action, Action::Delete(_)));
        self.journal.write(Event::Sent(request.clone()));
        let sent = send(&self.store, request);
        let done = if self.random.one_in(15) {
            // The client hangs up.
            timeout(Duration::from_micros(self.random.below(4000)), sent).await.ok()
        } else {
            Some(sent.await)
        };
        let Some((outcome, current)) = done else { return true };
        let versions = self.versions.entry(owner).or_default();
        match (&outcome, current, id) {
            (Outcome::Task(id, _), ..) if is_delete => {
                versions.remove(id);
                self.deleted.entry(owner).or_default().push(*id);
            }
            (Outcome::Task(id, state), ..) => _ = versions.insert(*id, state.updated_at),
            (Outcome::Refused(_), Some(version), Some(id)) => _ = versions.insert(id, version),
            // After a replay, the task may have been changed since.
            (Outcome::Replayed(_) | Outcome::Refused(_), None, Some(id)) => _ = versions.remove(&id),
            _ => {}
        }
        let is_lost = matches!(outcome, Outcome::Unknown(_));
        self.journal.write(Event::Ended(name, outcome));
        is_lost
    }

    async fn list(&mut self, owner: &'static str) {
        let caller = caller(owner, None);
        let Ok(page) = tasks::list(&self.store, &caller, &ListQuery::default(), 100, Start::Beginning).await else {
            return;
        };
        let versions: HashMap<i64, i64> = page.tasks.iter().map(|task| (task.id, task.version())).collect();
        let listed = versions.iter().map(|(id, version)| (*id, *version)).collect();
        self.journal.write(Event::Listed(owner.to_owned(), page.state, listed));
        self.states.insert(owner, page.state);
        self.replicas.entry(owner).or_insert((page.state, versions.clone()));
        self.versions.insert(owner, versions);
    }

    /// Brings the copy of an owner's tasks up to date from the feed alone, a few changes at a time. A copy is a list at its
    /// state.
    async fn follow(&mut self, owner: &'static str) {
        let Some((state, versions)) = self.replicas.get_mut(owner) else { return };
        loop {
            let limit = u32::try_from(1 + self.random.below(9)).unwrap();
            let feed = match tasks::changes(&self.store, &caller(owner, None), *state, limit).await {
                Ok(feed) => feed,
                Err(Error::Resync) => return drop(self.replicas.remove(owner)),
                Err(_) => return,
            };
            for item in feed.items {
                match item {
                    FeedItem::Changed(task) => _ = versions.insert(task.id, task.version()),
                    FeedItem::Deleted { id, .. } => _ = versions.remove(&id),
                    FeedItem::Reminded(_) => {}
                }
            }
            *state = feed.state;
            if !feed.has_more {
                break;
            }
        }
        let copied = versions.iter().map(|(id, version)| (*id, *version)).collect();
        self.journal.write(Event::Followed(owner.to_owned(), *state, copied));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test chooses its callers")]
pub(crate) fn caller(owner: &str, actor: Option<&str>) -> Caller {
    Caller::authenticated(UserId::parse(owner).unwrap()).acting_through(actor.and_then(Actor::parse))
}

/// Sends a request. Returns its outcome, and the current version if the precondition did not hold.
async fn send(store: &Store, request: Request) -> (Outcome, Option<i64>) {
    let caller = caller(&request.owner, Some(&request.name));
    let fingerprint = serde_json::to_string(&(&request.action, &request.if_versions)).unwrap();
    let key = request.has_key.then(|| IdempotencyKey::parse(&request.group, fingerprint).unwrap());
    let conditions =
        Conditions { precondition: request.if_versions.map_or(Precondition::Exists, Precondition::OneOf), key };
    let task = |task: tasks::Task| Outcome::Task(task.id, State::from(&task));
    let of_task = |written: Written<tasks::Task>| answered(written.is_replay, task(written.value));
    let of_count = |written: Written<u64>| answered(written.is_replay, Outcome::Count(written.value));
    let done = match request.action {
        Action::Create(fields) => tasks::create(store, &caller, new_task(fields), conditions.key).await.map(of_task),
        Action::Change(id, fields) => {
            tasks::update(store, &caller, id, changes(fields), &conditions).await.map(of_task)
        }
        Action::Merge(id, fields) => {
            let merged = tasks::merge(store, &caller, id, changes(fields), &conditions).await;
            merged.map(|merged| of_task(merged.task))
        }
        Action::Toggle(id) => tasks::toggle_completed(store, &caller, id, &conditions).await.map(of_task),
        Action::Delete(id) => tasks::delete(store, &caller, id, &conditions).await.map(of_task),
        Action::Restore(id) => tasks::restore(store, &caller, id, conditions.key).await.map(of_task),
        Action::CompleteAll => tasks::complete_all(store, &caller, &conditions).await.map(of_count),
        Action::DeleteCompleted => tasks::delete_completed(store, &caller, &conditions).await.map(of_count),
        Action::Erase => me::erase(store, &caller).await.map(Outcome::Count),
    };
    let error = match done {
        Ok(outcome) => return (outcome, None),
        Err(error) => error,
    };
    let text = match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    match error {
        Error::Stale(stale) => (Outcome::Refused(text), stale.current.map(|task| task.version())),
        Error::NotFound | Error::TooManyTasks | Error::Busy => (Outcome::Refused(text), None),
        Error::Unavailable(_) => (Outcome::Unknown(text), None),
        _ => (Outcome::Defect(text), None),
    }
}

fn answered(is_replay: bool, outcome: Outcome) -> Outcome {
    if is_replay { Outcome::Replayed(Box::new(outcome)) } else { outcome }
}

fn value<T: Default>(change: Change<T>) -> T {
    match change {
        Change::To(value) => value,
        Change::Keep => T::default(),
    }
}

fn new_task(fields: Fields) -> NewTask {
    let Changes { title: Change::To(title), description, priority, tags, due, .. } = changes(fields) else {
        unreachable!("a new task has a title")
    };
    NewTask {
        title,
        description: value(description),
        priority: value(priority),
        tags: value(tags),
        due: value(due),
        schedule: None,
    }
}

fn changes(fields: Fields) -> Changes {
    fn change<T, U>(field: Option<T>, parse: impl FnOnce(T) -> U) -> Change<U> {
        field.map_or(Change::Keep, |value| Change::To(parse(value)))
    }
    let optional = |text: String| Some(text).filter(|text| !text.is_empty());
    Changes {
        title: change(fields.title, |text| Title::parse(text).unwrap()),
        description: change(fields.description, |text| optional(text).map(|text| Description::parse(text).unwrap())),
        completed: change(fields.completed, |completed| completed),
        priority: change(fields.priority, |stored| Priority::ALL[usize::try_from(stored).unwrap()]),
        tags: change(fields.tags, |tags| Tags::parse(tags).unwrap()),
        due: change(fields.due, |text| optional(text).map(|text| Due::parse(text).unwrap())),
        schedule: None,
    }
}
