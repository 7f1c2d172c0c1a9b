//! The difference of two long texts.

use similar::TextDiff;

/// The maximum number of lines that are shown.
const MOST_LINES: usize = 60;

/// Returns the lines that differ, each with two lines before and after it, as `diff -u` shows them. Long differences are cut.
pub fn difference(old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new).unified_diff().context_radius(2).to_string();
    let left_out = diff.lines().count().saturating_sub(MOST_LINES);
    let mut shown: Vec<&str> = diff.lines().take(MOST_LINES).collect();
    let end = format!("… and {left_out} lines more");
    if left_out > 0 {
        shown.push(&end);
    }
    shown.join("\n")
}

#[test]
fn a_difference_shows_only_the_lines_that_differ_and_their_neighbours() {
    let old = (0..1000).fold(String::new(), |text, line| text + &format!("line {line}\n"));
    assert_eq!(difference(&old, &old), "");
    assert_eq!(
        difference(&old, &old.replace("line 500\n", "another\n")),
        "@@ -499,5 +499,5 @@\n line 498\n line 499\n-line 500\n+another\n line 501\n line 502"
    );
    let all = difference(&old, &old.replace("line", "other"));
    assert_eq!(all.lines().count(), MOST_LINES + 1);
    assert!(all.ends_with("… and 1941 lines more"), "{all}");
}
