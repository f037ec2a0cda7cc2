//! `announce.json`: what a process group says of itself.

use std::io;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::private_fs::PrivateDir;

/// The file's name inside a group's folder.
pub(crate) const ANNOUNCE_NAME: &str = "announce.json";

/// Format version on disk; a reader refuses a greater one.
const FORMAT: u32 = 1;

/// Longest text a field may have: longer than any real name, short enough for a label.
const TEXT_CHARS_MAX: usize = 256;

/// What a process group says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The service's name; becomes the `job` label.
    pub service: String,
    pub service_from: ServiceSource,
    /// `flask`, … ; none for a plain program.
    pub framework: Option<String>,
    pub python_version: String,
    pub package_version: String,
    /// The application's own version, if it said one.
    pub version: Option<String>,
    pub started: Timestamp,
}

/// Where a service's name came from. A later source beats an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceSource {
    /// The program's file or module name.
    Program,
    /// The framework's application object.
    App,
    /// `PYROMETER_SERVICE`.
    Environment,
}

/// Why an announcement is not believed.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAnnouncement {
    #[error("it is not the JSON that was expected")]
    Json(#[source] serde_json::Error),
    #[error("it has format {0}, this version reads up to {FORMAT}; upgrade the server")]
    Future(u32),
    #[error("{field} is empty, longer than {TEXT_CHARS_MAX} characters or has control characters")]
    Text { field: &'static str },
}

/// The file's content (documented in docs/formats/segment.md).
#[derive(Debug, Serialize, Deserialize)]
struct AnnouncementJson {
    format: u32,
    service: String,
    service_from: ServiceSource,
    #[serde(default)]
    framework: Option<String>,
    python_version: String,
    package_version: String,
    #[serde(default)]
    version: Option<String>,
    started_ms: i64,
}

/// Only the version, so that a future format is told from rubbish.
#[derive(Deserialize)]
struct FormatJson {
    format: u32,
}

impl Announcement {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, InvalidAnnouncement> {
        let FormatJson { format } =
            serde_json::from_slice(bytes).map_err(InvalidAnnouncement::Json)?;
        if FORMAT < format {
            return Err(InvalidAnnouncement::Future(format));
        }
        let json: AnnouncementJson =
            serde_json::from_slice(bytes).map_err(InvalidAnnouncement::Json)?;
        for (field, text) in [
            ("service", Some(&json.service)),
            ("framework", json.framework.as_ref()),
            ("python_version", Some(&json.python_version)),
            ("package_version", Some(&json.package_version)),
            ("version", json.version.as_ref()),
        ] {
            if text.is_some_and(|text| !is_clean(text)) {
                return Err(InvalidAnnouncement::Text { field });
            }
        }
        Ok(Self {
            service: json.service,
            service_from: json.service_from,
            framework: json.framework,
            python_version: json.python_version,
            package_version: json.package_version,
            version: json.version,
            started: Timestamp::from_millis(json.started_ms),
        })
    }

    /// Writes the file so that a reader sees the old one or the new one, never half of one.
    /// `writer` makes the temporary name this process's own.
    pub(crate) fn write(&self, dir: &PrivateDir, writer: u32) -> io::Result<()> {
        let json = AnnouncementJson {
            format: FORMAT,
            service: clean(&self.service),
            service_from: self.service_from,
            framework: self.framework.as_deref().map(clean),
            python_version: clean(&self.python_version),
            package_version: clean(&self.package_version),
            version: self.version.as_deref().map(clean),
            started_ms: self.started.as_millis(),
        };
        let bytes = serde_json::to_vec(&json)?;
        let temporary = format!("{ANNOUNCE_NAME}.{writer}.tmp");
        dir.write_new(&temporary, &bytes)?;
        dir.rename(&temporary, ANNOUNCE_NAME)
    }
}

fn is_clean(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= TEXT_CHARS_MAX
        && !text.chars().any(char::is_control)
}

/// What a reader accepts: an app's odd name must not cost the group its announcement.
fn clean(text: &str) -> String {
    let kept: String = text
        .chars()
        .map(|c| if c.is_control() { '_' } else { c })
        .take(TEXT_CHARS_MAX)
        .collect();
    if kept.is_empty() {
        "unknown".to_owned()
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = r#"{"format":1,"service":"shop","service_from":"app",
        "python_version":"3.11","package_version":"1","started_ms":5}"#;

    fn check_refused(text: &str, expected: &str) {
        let error = Announcement::parse(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn a_written_announcement_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let dir = PrivateDir::open_or_create(&folder.path().join("g")).unwrap();
        let announcement = Announcement::parse(GOOD.as_bytes()).unwrap();
        announcement.write(&dir, 7).unwrap();
        let bytes = dir.read_file(ANNOUNCE_NAME, 1 << 16).unwrap();
        assert_eq!(Announcement::parse(&bytes).unwrap(), announcement);
    }

    #[test]
    fn an_odd_app_name_is_made_fit_instead_of_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        let dir = PrivateDir::open_or_create(&folder.path().join("g")).unwrap();
        let mut announcement = Announcement::parse(GOOD.as_bytes()).unwrap();
        for (odd, fit) in [
            ("", "unknown"),
            ("a\nb", "a_b"),
            (&"x".repeat(300), &"x".repeat(256)),
        ] {
            announcement.service = odd.to_owned();
            announcement.write(&dir, 7).unwrap();
            let bytes = dir.read_file(ANNOUNCE_NAME, 1 << 16).unwrap();
            assert_eq!(Announcement::parse(&bytes).unwrap().service, fit);
        }
    }

    #[test]
    fn rubbish_is_refused_with_a_reason() {
        check_refused("", "JSON");
        check_refused("[]", "JSON");
        check_refused(r#"{"format":1}"#, "JSON");
        check_refused(r#"{"format":2,"anything":[]}"#, "upgrade");
        check_refused(&GOOD.replace("shop", ""), "service");
        check_refused(&GOOD.replace("shop", "a\\u0007b"), "service");
        check_refused(&GOOD.replace("shop", &"x".repeat(257)), "service");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_fail_otherwise_than_by_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            prop_assert!(Announcement::parse(&bytes).is_err());
        }
    }
}
