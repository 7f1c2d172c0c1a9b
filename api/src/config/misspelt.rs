//! Warnings about names that are probably misspelt.

use strsim::{damerau_levenshtein, normalized_damerau_levenshtein};

use super::variables::{NAMES, Variables};

/// The beginnings of names that only this server reads. Other programs read names that begin with `BETTER_AUTH_` or `DATABASE_`.
const OURS: [&str; 6] = ["CORS_", "LOG_FORMAT", "MIGRATE_ON_", "RATE_LIMIT_", "READY_AFTER_", "SHUTDOWN_"];

/// Shorter names resemble too many others, such as `POST` and `PORT`.
const SHORTEST: usize = 10;
/// Longer names are not compared, so that the work is bounded.
const LONGEST: usize = 40;
/// How many characters of a name may be wrong. Names that Better Auth reads and this server does not, such as
/// `BETTER_AUTH_TELEMETRY`, differ from every setting in more.
const MOST_WRONG: usize = 2;
/// How similar a name that begins as [`OURS`] must be, from 0 to 1.
const LEAST_SIMILAR: f64 = 0.6;

/// Returns a warning for each variable whose name is probably a misspelt name of a setting. It shows no value.
pub(super) fn warnings(variables: &Variables) -> Vec<String> {
    let mut names: Vec<_> = variables.names().filter_map(|name| Some((name, nearest(name)?))).collect();
    names.sort_unstable();
    let warning = |(name, nearest): &(&str, &str)| {
        format!("{name} is set, but there is no such setting: did you mean {nearest}?")
    };
    names.iter().map(warning).collect()
}

/// Returns the name of the setting that was probably meant, if the name is that of no setting.
fn nearest(name: &str) -> Option<&'static str> {
    if NAMES.contains(&name) || name.len() > LONGEST {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    // `AUTH_SECRET` resembles names of other programs, such as `OAUTH_SECRET`.
    let settings = NAMES.iter().filter(|known| known.len() >= SHORTEST && **known != "AUTH_SECRET");
    let (nearest, distance) =
        settings.map(|known| (*known, damerau_levenshtein(&upper, known))).min_by_key(|(_, distance)| *distance)?;
    let is_ours = OURS.iter().any(|start| upper.starts_with(start));
    let is_similar = is_ours && normalized_damerau_levenshtein(&upper, nearest) >= LEAST_SIMILAR;
    (distance <= MOST_WRONG || is_similar).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_warned_of_with_the_nearest_setting_and_without_its_value() {
        let variables: Variables =
            [("BETTER_AUTH_SERCET", "hunter2"), ("DATABASE_URI", "hunter2")].into_iter().collect();
        assert_eq!(
            warnings(&variables),
            [
                "BETTER_AUTH_SERCET is set, but there is no such setting: did you mean BETTER_AUTH_SECRET?",
                "DATABASE_URI is set, but there is no such setting: did you mean DATABASE_URL?",
            ]
        );
        for (name, meant) in [
            ("DATABSE_URL", "DATABASE_URL"),
            ("database_url", "DATABASE_URL"),
            ("BETTER_AUTH_ISSUERS", "BETTER_AUTH_ISSUER"),
            ("BETTERAUTH_URL", "BETTER_AUTH_URL"),
            ("DATABASE_MAX_CONNECTION", "DATABASE_MAX_CONNECTIONS"),
            ("CORS_ORIGINS", "CORS_ALLOWED_ORIGINS"),
            ("CORS_ALLOWED_ORIGIN", "CORS_ALLOWED_ORIGINS"),
            ("RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_PER_SECOND"),
            ("SHUTDOWN_TIMEOUT", "SHUTDOWN_TIMEOUT_SECONDS"),
        ] {
            assert_eq!(nearest(name), Some(meant), "{name}");
        }
    }

    #[test]
    fn names_that_other_programs_read_cause_no_warning() {
        // Better Auth, its plugins, Next.js, Neon, Railway, Kubernetes, PostgreSQL, and shells.
        for name in [
            "BETTER_AUTH_SECRET",
            "BETTER_AUTH_SECRETS",
            "BETTER_AUTH_URL",
            "BETTER_AUTH_TRUSTED_ORIGINS",
            "BETTER_AUTH_TELEMETRY",
            "BETTER_AUTH_TELEMETRY_DEBUG",
            "BETTER_AUTH_TELEMETRY_ENDPOINT",
            "BETTER_AUTH_TELEMETRY_ID",
            "BETTER_AUTH_VERSION",
            "BETTER_AUTH_API_KEY",
            "BETTER_AUTH_API_URL",
            "BETTER_AUTH_KV_URL",
            "BETTER_AUTH_GOOGLE_CLIENT_ID",
            "NEXT_PUBLIC_BETTER_AUTH_URL",
            "NEXTAUTH_SECRET",
            "NEXTAUTH_URL",
            "OAUTH_SECRET",
            "AUTH_URL",
            "DATABASE_HOST",
            "DATABASE_NAME",
            "DATABASE_PASSWORD",
            "DATABASE_PORT",
            "DATABASE_USER",
            "DATABASE_PUBLIC_URL",
            "DATABASE_URL_UNPOOLED",
            "DATABASE_PORT_5432_TCP",
            "METRICS_PORT",
            "METRICS_SERVICE_HOST",
            "PGHOST",
            "POSTGRES_URL",
            "HOSTNAME",
            "HOME",
            "SHELL",
            "RUST_BACKTRACE",
        ] {
            assert_eq!(nearest(name), None, "{name}");
        }
    }
}
