use std::borrow::Cow;

use form_urlencoded::{Serializer, parse};

use super::values::{direction, integer, priority, sort_key, status};

/// The other names of `order`.
const ORDER: &[&str] = &["sort_order", "sortOrder"];
/// The other name of `sort_by`.
const SORT_BY: &[&str] = &["sortBy"];
/// The other names of `limit`, if one of [`POSITION`] is sent.
const LIMIT: &[&str] = &["per_page", "page_size"];
/// The names of a position.
const POSITION: &[&str] = &["page", "offset", "skip"];

/// The most tasks of a page. A larger `limit` is an error, and a larger value of its other names is ignored.
pub(crate) const MAX_LIMIT: u32 = 1000;

/// Where a page begins, if it is not a cursor that states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// The number of the page, from 1.
    Page(u64),
    /// The number of tasks before it.
    Skip(u64),
}

impl Paging {
    /// Returns the number of tasks before a page of this size.
    #[must_use]
    pub fn offset(self, limit: u32) -> u64 {
        match self {
            Self::Page(number) => number.saturating_sub(1).saturating_mul(limit.into()),
            Self::Skip(tasks) => tasks,
        }
    }
}

/// Returns whether a parameter is one of a page by number. The address of the next page has `limit` and `cursor` instead.
pub(crate) fn is_paging(name: &str) -> bool {
    LIMIT.contains(&name) || POSITION.contains(&name)
}

/// Rewrites the query of a list of tasks into the contract's parameters, and takes the position out of it. A query without
/// foreign forms is returned as it is.
pub(crate) fn rewrite_list_query(query: &str) -> (Cow<'_, str>, Option<Paging>) {
    if is_ours(query) {
        return (Cow::Borrowed(query), None);
    }
    let query = Pairs(parse(query.as_bytes()).collect());
    let paging = query.paging();
    (Cow::Owned(query.rewritten()), paging)
}

/// Returns whether no pair of the query has a foreign form. The query is not decoded for that: front ends do not escape
/// characters of these names. A value with escaped characters is rewritten in any case.
fn is_ours(query: &str) -> bool {
    let is = |word: &str, meaning: fn(&str) -> Option<&'static str>| meaning(word) == Some(word);
    query.split('&').all(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "sort_by" => is(value, sort_key),
            "order" => is(value, direction),
            "status" => is(value, status),
            "priority" => value.split(',').all(|word| is(word, priority)),
            name => !(ORDER.contains(&name) || SORT_BY.contains(&name) || is_paging(name)),
        }
    })
}

struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Pairs<'_> {
    fn rewritten(&self) -> String {
        let mut pairs = Serializer::new(String::new());
        for (name, value) in &self.0 {
            match &**name {
                "status" => _ = pairs.append_pair(name, status(value).unwrap_or(value)),
                "priority" => {
                    let words: Vec<_> = value.split(',').map(|word| priority(word).unwrap_or(word)).collect();
                    pairs.append_pair(name, &words.join(","));
                }
                "sort_by" | "order" => {}
                name if ORDER.contains(&name) || SORT_BY.contains(&name) || is_paging(name) => {}
                name => _ = pairs.append_pair(name, value),
            }
        }
        for (name, value) in self.order() {
            pairs.append_pair(name, value);
        }
        if let Some(limit) = self.other_limit() {
            pairs.append_pair("limit", &limit.to_string());
        }
        pairs.finish()
    }

    /// The pairs of `sort_by` and `order`. There are none if a key is unknown, so that the list has its usual order and not a
    /// direction that was meant for another key.
    fn order(&self) -> Vec<(&str, &str)> {
        let mut pairs = Vec::new();
        for name in self.ours_or("sort_by", SORT_BY, |_| true) {
            let Some(key) = sort_key(name) else { return Vec::new() };
            pairs.push(("sort_by", key));
        }
        let directions = self.ours_or("order", ORDER, |word| direction(word).is_some());
        pairs.extend(directions.map(|word| ("order", direction(word).unwrap_or(word))));
        pairs
    }

    fn paging(&self) -> Option<Paging> {
        if self.values("cursor").next().is_some() { None } else { self.position() }
    }

    fn position(&self) -> Option<Paging> {
        let number = |name| self.values(name).find_map(integer);
        let page = number("page").filter(|page| *page > 0).map(Paging::Page);
        page.or_else(|| number("offset").or_else(|| number("skip")).map(Paging::Skip))
    }

    /// The value of another name of `limit`, if it applies.
    fn other_limit(&self) -> Option<u64> {
        if self.position().is_none() || self.values("limit").next().is_some() {
            return None;
        }
        let sizes = LIMIT.iter().flat_map(|name| self.values(name));
        sizes.filter_map(integer).find(|size| (1..=MAX_LIMIT.into()).contains(size))
    }

    /// The values of the contract's name, or else the first value of another name that `accepts` it.
    fn ours_or(&self, ours: &str, others: &[&str], accepts: fn(&str) -> bool) -> impl Iterator<Item = &str> {
        let other = if self.values(ours).next().is_some() {
            None
        } else {
            others.iter().flat_map(|name| self.values(name)).find(|value| accepts(value))
        };
        self.values(ours).chain(other)
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| &**value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_of_the_contract_is_not_copied() {
        for query in [
            "",
            "status=pending&priority=high,low&sort_by=title&order=desc&limit=20",
            "sort=-priority,title&tag=a&tag=b&cursor=x&search=page",
            "priority=high&priority=low",
        ] {
            assert_eq!(rewrite_list_query(query), (Cow::Borrowed(query), None));
            assert!(matches!(rewrite_list_query(query).0, Cow::Borrowed(_)), "{query}");
        }
    }

    #[test]
    fn a_foreign_form_becomes_ours_and_the_rest_stays() {
        for (query, rewritten) in [
            ("sort_order=DESC&search=a+b", "search=a+b&order=desc"),
            ("sortBy=dueDate&sortOrder=asc", "sort_by=due_date&order=asc"),
            ("sort_by=created", "sort_by=created_at"),
            ("sort_by=colour&sort_order=asc&limit=2", "limit=2"),
            ("sort_by=title&sortBy=priority&order=asc&sort_order=desc", "sort_by=title&order=asc"),
            ("sort_order=newest&limit=2", "limit=2"),
            ("order=up", "order=up"),
            ("status=DONE&priority=Urgent%2Clow,normal", "status=completed&priority=high%2Clow%2Cmedium"),
            ("status=late&priority=", "status=late&priority="),
            ("per_page=20", ""),
            ("page=0&per_page=20", ""),
            ("page=2&per_page=20", "limit=20"),
            ("page=2&page_size=20&limit=5", "limit=5"),
            ("page=2&page_size=1001", ""),
        ] {
            assert_eq!(rewrite_list_query(query).0, rewritten, "{query}");
        }
    }

    #[test]
    fn a_position_is_taken_out_of_the_query() {
        for (query, paging) in [
            ("page=2&limit=5", Some(Paging::Page(2))),
            ("page=0&limit=5", None),
            ("page=-1&skip=x&offset=5", Some(Paging::Skip(5))),
            ("skip=0", Some(Paging::Skip(0))),
            ("page=2&cursor=x&limit=5", None),
            ("page=99999999999999999999", Some(Paging::Page(u64::MAX))),
        ] {
            assert_eq!(rewrite_list_query(query).1, paging, "{query}");
        }
        assert_eq!([Paging::Page(1).offset(20), Paging::Page(3).offset(20), Paging::Skip(7).offset(20)], [0, 40, 7]);
        assert_eq!(Paging::Page(u64::MAX).offset(20), u64::MAX);
    }
}
