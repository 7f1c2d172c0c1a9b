//! Compares lists on both databases with a filter and a sort in memory.
#![expect(clippy::unwrap_used, reason = "a failed expectation must fail the test")]

use std::cmp::Ordering;

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, TimeZone, Timelike, Utc};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use service::tasks::{
    self, Conditions, Description, Due, DueIn, Filter, ListQuery, NewTask, Priority, Search, Sort, SortBy, SortKey,
    Start, Status, Tag, Tags, Task, Title, WholeList, Zone,
};
use service::{Caller, DbConfig, Store, UserId};
use testing::{Backend, TestDatabase};

/// Few words, so that many tasks match: letters of several scripts, with and without case and accents.
const WORDS: [&str; 14] =
    ["milk", "Milch", "MILK", "crème", "Creme", "Straße", "STRASSE", "Ёлка", "елка", "שָׁלוֹם", "%", "_", "a'b", "Łódź"];
const TAGS: [&str; 6] = ["work", "Home", "ÉCOLE", "a b", "\"x\"", ","];
const ZONES: [&str; 4] = ["UTC", "Asia/Kolkata", "America/Los_Angeles", "Pacific/Kiritimati"];

/// The parts of a task and of a query, as texts.
#[derive(Clone, Debug)]
struct New {
    title: String,
    description: Option<String>,
    priority: Priority,
    tags: Vec<&'static str>,
    due: Option<String>,
    done: bool,
    theirs: bool,
}

#[derive(Clone, Debug)]
struct Question {
    status: Status,
    priorities: Vec<Priority>,
    tags: Vec<String>,
    due_before: Option<String>,
    due_after: Option<String>,
    due: Option<DueIn>,
    zone: &'static str,
    search: Option<String>,
    sort: Vec<SortBy>,
    limit: u32,
}

fn words() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(&WORDS[..]), 1..3).prop_map(|words| words.join(" "))
}

/// Generates days, wall times and instants around now, so that some are today and some overdue. The ranges are in hours. In the
/// smaller one, the time zone decides.
fn due() -> impl Strategy<Value = String> {
    (prop_oneof![-240..240_i64, -20..20_i64], 0..6).prop_map(|(hours, form)| {
        let time = Utc::now() + Duration::hours(hours);
        match form {
            0 | 1 => time.format("%Y-%m-%d").to_string(),
            2 => time.format("%Y-%m-%dT%H:00:00Z").to_string(),
            3 => time.format("%Y-%m-%dT%H:30").to_string(),
            4 => time.format("%Y-%m-%dT%H:%M:%S").to_string(),
            _ => time.format("%Y-%m-%dT%H:%M:%S.5+05:30").to_string(),
        }
    })
}

/// Generates the same, and the first and the last possible times.
fn bound() -> impl Strategy<Value = String> {
    let extreme = select(
        &[
            "9999-12-31",
            "9999-12-31T23:59",
            "9999-12-31T23:59:59-12:00",
            "0001-01-01",
            "0001-01-01T00:00:00",
            "0001-01-01T00:00:00+14:00",
        ][..],
    );
    prop_oneof![4 => due(), 1 => extreme.prop_map(str::to_owned)]
}

fn new() -> impl Strategy<Value = New> {
    let texts = (words(), proptest::option::of(words()));
    let rest = (select(&Priority::ALL[..]), subsequence(&TAGS[..], 0..4), proptest::option::of(due()));
    (texts, rest, any::<bool>(), proptest::bool::weighted(0.2)).prop_map(
        |((title, description), (priority, tags, due), done, theirs)| New {
            title,
            description,
            priority,
            tags,
            due,
            done,
            theirs,
        },
    )
}

fn question() -> impl Strategy<Value = Question> {
    let key =
        select(&[SortKey::CreatedAt, SortKey::UpdatedAt, SortKey::DueDate, SortKey::Priority, SortKey::Title][..]);
    let by = (key, any::<bool>()).prop_map(|(key, descending)| SortBy { key, descending });
    let texts = (
        subsequence(&TAGS[..], 0..2),
        any::<bool>(),
        proptest::option::weighted(
            0.3,
            prop_oneof![select(&WORDS[..]).prop_map(str::to_owned), Just("l".to_owned()), Just(String::new())],
        ),
    );
    let times = (
        proptest::option::weighted(0.2, bound()),
        proptest::option::weighted(0.2, bound()),
        proptest::option::weighted(0.3, select(&[DueIn::Overdue, DueIn::Today, DueIn::Week, DueIn::None][..])),
        select(&ZONES[..]),
    );
    (
        select(&[Status::All, Status::All, Status::Pending, Status::Completed][..]),
        prop_oneof![Just(Vec::new()), subsequence(&Priority::ALL[..], 1..4)],
        texts,
        times,
        proptest::collection::vec(by, 0..4),
        1..8_u32,
    )
        .prop_map(
            |(status, priorities, (tags, upper, search), (due_before, due_after, due, zone), sort, limit)| Question {
                status,
                priorities,
                tags: tags.iter().map(|tag| if upper { tag.to_uppercase() } else { (*tag).to_owned() }).collect(),
                due_before,
                due_after,
                due,
                zone,
                search,
                sort,
                limit,
            },
        )
}

impl New {
    fn parse(&self) -> NewTask {
        NewTask {
            title: Title::parse(self.title.as_str()).unwrap(),
            description: self.description.as_deref().map(|text| Description::parse(text).unwrap()),
            priority: self.priority,
            tags: Tags::parse(self.tags.iter().map(|tag| (*tag).to_owned()).collect()).unwrap(),
            due: self.due.as_deref().map(|text| Due::parse(text).unwrap()),
            schedule: None,
        }
    }
}

impl Question {
    fn parse(&self) -> ListQuery {
        let due = |text: &Option<String>| text.as_deref().map(|text| Due::parse(text).unwrap());
        let filter = Filter {
            status: self.status,
            priorities: self.priorities.clone(),
            tags: self.tags.iter().map(|tag| Tag::parse(tag.as_str()).unwrap()).collect(),
            due_before: due(&self.due_before),
            due_after: due(&self.due_after),
            due: self.due,
            zone: Zone::parse(self.zone).unwrap(),
            search: self.search.as_deref().map(|text| Search::parse(text).unwrap()),
        };
        ListQuery { filter, sort: Sort::new(self.sort.clone()) }
    }

    /// Applies the same query to every task in memory.
    fn shows(&self, task: &Task, now: DateTime<Utc>) -> bool {
        let zone: chrono_tz::Tz = self.zone.parse().unwrap();
        let due = task.due.as_ref().map(|due| When::of(due.as_str()));
        let local = |when: &When| match when {
            When::Day(day) => *day,
            When::Wall(wall) => wall.date(),
            When::Instant(instant) => zone.from_utc_datetime(&instant.naive_utc()).date_naive(),
        };
        // A wall time that a clock change skipped is the end of the gap, which is a whole hour in these time zones.
        let instant = |wall: &NaiveDateTime| {
            let shown = |wall: NaiveDateTime| zone.from_local_datetime(&wall).earliest();
            let next_hour = || shown(wall.date().and_hms_opt(wall.hour() + 1, 0, 0).unwrap());
            shown(*wall).or_else(next_hour).unwrap().to_utc()
        };
        // A day is overdue when the next one begins, a wall time or an instant when it has passed.
        let over_by = |due: &When, by: &When| match (due, by) {
            (_, When::Day(by)) => local(due) < *by,
            (When::Day(due), _) => *due < local(by),
            (When::Wall(due), When::Wall(by)) => due < by,
            (When::Wall(due), When::Instant(by)) => instant(due) < *by,
            (When::Instant(due), When::Wall(by)) => *due < instant(by),
            (When::Instant(due), When::Instant(by)) => due < by,
        };
        let after = |due: &When, bound: &When| match (due, bound) {
            (_, When::Day(bound)) => local(due) > *bound,
            (When::Day(_), _) => !over_by(due, bound),
            (When::Wall(due), When::Wall(bound)) => due > bound,
            (When::Wall(due), When::Instant(bound)) => instant(due) > *bound,
            (When::Instant(due), When::Wall(bound)) => *due > instant(bound),
            (When::Instant(due), When::Instant(bound)) => due > bound,
        };
        let today = zone.from_utc_datetime(&now.naive_utc()).date_naive();
        let is_due = |in_time: DueIn| match (in_time, &due) {
            (DueIn::None, due) => due.is_none(),
            (_, None) => false,
            (DueIn::Overdue, Some(due)) => !task.completed && over_by(due, &When::Instant(now)),
            (DueIn::Today, Some(due)) => local(due) == today,
            (DueIn::Week, Some(due)) => (0..7).contains(&(local(due) - today).num_days()),
        };
        let has = |tag: &String| task.tags.iter().any(|own| own.to_uppercase() == tag.to_uppercase());
        let text = |text: &String| {
            let found = |own: &str| plain(own).contains(&plain(text));
            found(&task.title) || task.description.as_deref().is_some_and(found)
        };
        (match self.status {
            Status::All => true,
            Status::Pending => !task.completed,
            Status::Completed => task.completed,
        }) && (self.priorities.is_empty() || self.priorities.contains(&task.priority))
            && self.tags.iter().all(has)
            && self
                .due_before
                .as_ref()
                .is_none_or(|bound| due.as_ref().is_some_and(|due| over_by(due, &When::of(bound))))
            && self.due_after.as_ref().is_none_or(|bound| due.as_ref().is_some_and(|due| after(due, &When::of(bound))))
            && self.due.is_none_or(is_due)
            && self.search.as_ref().is_none_or(text)
    }

    fn compare(&self, a: &Task, b: &Task) -> Ordering {
        let newest_first = [SortBy { key: SortKey::CreatedAt, descending: true }];
        let sort = if self.sort.is_empty() { &newest_first[..] } else { &self.sort[..] };
        for by in sort {
            let turned = |order: Ordering| if by.descending { order.reverse() } else { order };
            let order = match by.key {
                SortKey::CreatedAt => turned(a.created_at.cmp(&b.created_at)),
                SortKey::UpdatedAt => turned(a.updated_at.cmp(&b.updated_at)),
                SortKey::Priority => turned(a.priority.cmp(&b.priority)),
                SortKey::Title => turned(plain(&a.title).cmp(&plain(&b.title))),
                SortKey::DueDate => match (&a.due, &b.due) {
                    (None, None) => Ordering::Equal,
                    (None, Some(_)) => Ordering::Greater,
                    (Some(_), None) => Ordering::Less,
                    (Some(a), Some(b)) => turned(When::of(a.as_str()).end().cmp(&When::of(b.as_str()).end())),
                },
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        // Ties follow the direction of the last key. A repeated key is ignored.
        let last = sort.iter().enumerate().rfind(|(n, by)| sort[..*n].iter().all(|earlier| earlier.key != by.key));
        if last.unwrap().1.descending { b.id.cmp(&a.id) } else { a.id.cmp(&b.id) }
    }
}

enum When {
    Day(NaiveDate),
    Wall(NaiveDateTime),
    Instant(DateTime<Utc>),
}

impl When {
    fn of(text: &str) -> Self {
        match text.len() {
            10 => Self::Day(text.parse().unwrap()),
            16 => Self::Wall(NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").unwrap()),
            19 => Self::Wall(text.parse().unwrap()),
            _ => Self::Instant(text.parse().unwrap()),
        }
    }

    fn end(&self) -> DateTime<Utc> {
        match self {
            Self::Day(day) => day.and_hms_micro_opt(23, 59, 59, 999_999).unwrap().and_utc(),
            Self::Wall(wall) => wall.and_utc(),
            Self::Instant(instant) => *instant,
        }
    }
}

/// The words above without case and accents.
fn plain(text: &str) -> String {
    let lower = text.to_lowercase().replace('ß', "ss");
    let letter = |c: char| match c {
        'è' => 'e',
        'ё' => 'е',
        'ł' => 'l',
        'ó' => 'o',
        'ź' => 'z',
        other => other,
    };
    lower.chars().filter(|c| !('\u{591}'..='\u{5c7}').contains(c)).map(letter).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test chooses its callers")]
fn caller(name: &str) -> Caller {
    Caller::authenticated(UserId::parse(name).unwrap())
}

/// Reads every page of a list and checks that all but the last one are full.
async fn pages(db: &Store, caller: &Caller, query: &ListQuery, limit: u32) -> Vec<Task> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = tasks::list(db, caller, query, limit, Start::behind(after.as_ref())).await.unwrap();
        assert!(page.tasks.len() == limit as usize || page.next.is_none());
        all.extend(page.tasks);
        let Some(next) = page.next else { return all };
        let cursor = tasks::cursor::encode(caller, query, &next);
        after = Some(tasks::cursor::decode(caller, query, &cursor).unwrap());
    }
}

/// Reads every page of a list by its offset. Checks that the page behind each one begins at the next offset.
async fn pages_by_offset(db: &Store, caller: &Caller, query: &ListQuery, limit: u32) -> Vec<Task> {
    let mut all = Vec::new();
    for offset in (0..).step_by(limit as usize) {
        let page = tasks::list(db, caller, query, limit, Start::Offset(offset)).await.unwrap();
        all.extend(page.tasks);
        let Some(next) = page.next else { break };
        let behind = tasks::list(db, caller, query, limit, Start::Behind(&next)).await.unwrap();
        assert_eq!(behind, tasks::list(db, caller, query, limit, Start::Offset(offset + limit)).await.unwrap());
    }
    let after_all = Start::Offset(u32::try_from(all.len()).unwrap());
    let none = tasks::list(db, caller, query, limit, after_all).await.unwrap();
    assert!(none.next.is_none() && (none.tasks.is_empty() || all.is_empty()));
    all
}

/// Reads a whole list in parts.
async fn whole(db: &Store, caller: &Caller, query: ListQuery) -> Vec<Task> {
    let (mut all, mut rest) = WholeList::begin(db, caller, query, None).await.unwrap();
    while !rest.is_over() {
        all.extend(rest.next_part().await.unwrap());
    }
    all
}

/// Creates the tasks and returns the caller's own, as they are stored.
async fn store(db: &Store, news: &[New], mine: &Caller, other: &Caller) -> Vec<Task> {
    let mut stored = Vec::new();
    for new in news {
        let owner = if new.theirs { other } else { mine };
        let task = tasks::create(db, owner, new.parse(), None).await.unwrap().value;
        let task = if new.done {
            tasks::toggle_completed(db, owner, task.id, &Conditions::default()).await.unwrap().value
        } else {
            task
        };
        stored.extend((!new.theirs).then_some(task));
    }
    stored
}

async fn check(databases: &[Store], round: u32, news: &[New], questions: &[Question]) {
    let (mine, other) = (caller(&format!("mine {round}")), caller(&format!("other {round}")));
    for db in databases {
        let stored = store(db, news, &mine, &other).await;
        let usual = tasks::list(db, &mine, &ListQuery::default(), 100, Start::Beginning).await.unwrap();
        assert!(usual.tasks.iter().rev().eq(&stored));
        for question in questions {
            let query = question.parse();
            let listed = pages(db, &mine, &query, question.limit).await;
            let mut expected: Vec<_> = stored.iter().filter(|task| question.shows(task, Utc::now())).cloned().collect();
            expected.sort_by(|a, b| question.compare(a, b));
            assert_eq!(titles(&listed), titles(&expected), "{question:?}");
            assert_eq!(listed, expected);
            assert_eq!(pages_by_offset(db, &mine, &query, question.limit).await, expected, "{question:?}");
            assert_eq!(whole(db, &mine, query.clone()).await, expected, "{question:?}");
            assert_eq!(tasks::count(db, &mine, &query.filter).await.unwrap(), expected.len() as u64);
        }
        summary_agrees(db, &mine, &stored).await;
    }
}

fn titles(tasks: &[Task]) -> Vec<(i64, &str)> {
    tasks.iter().map(|task| (task.id, task.title.as_str())).collect()
}

async fn summary_agrees(db: &Store, mine: &Caller, stored: &[Task]) {
    let zone = Zone::parse("Asia/Kolkata").unwrap();
    let summary = tasks::summary(db, mine, zone).await.unwrap();
    let count = |filter: &dyn Fn(&Task) -> bool| stored.iter().filter(|task| filter(task)).count() as u64;
    assert_eq!(summary.all, stored.len() as u64);
    assert_eq!((summary.pending, summary.completed), (count(&|task| !task.completed), count(&|task| task.completed)));
    assert_eq!(summary.by_priority, Priority::ALL.map(|priority| count(&|task| task.priority == priority)));
    let due = async |due, status| {
        let filter = Filter { due: Some(due), zone, status, ..Filter::default() };
        tasks::count(db, mine, &filter).await.unwrap()
    };
    assert_eq!(summary.overdue, due(DueIn::Overdue, Status::All).await);
    assert_eq!(summary.due_today, due(DueIn::Today, Status::Pending).await);
    let mut tags: Vec<_> =
        TAGS.iter().map(|tag| (*tag, count(&|task| task.tags.iter().any(|own| own == *tag)))).collect();
    tags.retain(|(_, count)| *count > 0);
    tags.sort_unstable();
    let mut counted: Vec<_> = summary.by_tag.iter().map(|tag| (tag.name.as_str(), tag.count)).collect();
    counted.sort_unstable();
    assert_eq!(counted, tags);
    assert_eq!(tasks::tags(db, mine).await.unwrap(), (summary.by_tag, summary.state));
}

#[test]
fn random_list_queries_get_the_same_tasks_in_the_same_order_from_both_databases_and_from_memory() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut databases = Vec::new();
    let mut opened = Vec::new();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        if let Some(database) = runtime.block_on(TestDatabase::migrated(backend)) {
            databases.push(runtime.block_on(Store::open(&DbConfig::new(database.url()), |_| {})).unwrap());
            opened.push(database);
        }
    }
    let round = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let strategy = (proptest::collection::vec(new(), 0..16), proptest::collection::vec(question(), 12));
    let result = runner.run(&strategy, |(news, questions)| {
        round.set(round.get() + 1);
        runtime.block_on(check(&databases, round.get(), &news, &questions));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
