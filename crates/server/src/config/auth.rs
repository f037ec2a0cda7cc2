//! How a scrape proves who it is, and how it checks who answers.

use std::path::{Path, PathBuf};

use super::problem::Problems;
use super::secret::Secret;
use super::section::Section;
use super::unsupported::TLS;

/// How a scrape proves who it is. Files are read anew at each scrape, since they rotate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Auth {
    Basic { username: String, password: Given },
    Header { scheme: String, credentials: Given },
}

/// A secret in the file itself, or where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Given {
    Here(Secret),
    File(PathBuf),
}

/// How a target's certificate is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tls {
    /// Authorities to trust instead of the machine's.
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) insecure_skip_verify: bool,
}

pub(crate) fn read_auth(
    job: &mut Section<'_>,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Auth> {
    let mut found: Vec<Auth> = Vec::new();
    if let Some(node) = job.take("basic_auth")
        && let Some(mut basic) = Section::open(
            node,
            format!("basic_auth of {}", job.what()),
            &[("username_file", "set username")],
            problems,
        )
    {
        let username = basic.text("username", problems).unwrap_or_default();
        let password = read_given(&mut basic, "password", "password_file", folder, problems);
        found.push(Auth::Basic {
            username,
            password: password.unwrap_or(Given::Here(Secret::new(""))),
        });
        basic.finish(problems);
    }
    if let Some(node) = job.take("authorization")
        && let Some(mut header) = Section::open(
            node,
            format!("authorization of {}", job.what()),
            &[("credentials_ref", "set credentials_file")],
            problems,
        )
    {
        let scheme = header.text("type", problems).unwrap_or("Bearer".to_owned());
        let credentials = read_given(
            &mut header,
            "credentials",
            "credentials_file",
            folder,
            problems,
        );
        if let Some(credentials) = credentials {
            found.push(Auth::Header {
                scheme,
                credentials,
            });
        }
        header.finish(problems);
    }
    if let Some(token) = read_given(job, "bearer_token", "bearer_token_file", folder, problems) {
        found.push(Auth::Header {
            scheme: "Bearer".to_owned(),
            credentials: token,
        });
    }
    if found.len() > 1 {
        problems.error(
            job.line(),
            format!(
                "{} has more than one of basic_auth, authorization and bearer_token; keep one",
                job.what()
            ),
        );
    }
    found.into_iter().next()
}

/// A secret that stands in `here` or in the file named by `file`.
pub(crate) fn read_given(
    section: &mut Section<'_>,
    here: &'static str,
    file: &'static str,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Given> {
    let secret = section
        .text(here, problems)
        .map(|text| Given::Here(Secret::new(text)));
    let path = section
        .text(file, problems)
        .map(|path| Given::File(folder.join(path)));
    if secret.is_some() && path.is_some() {
        let text = format!("{} has both {here} and {file}; keep one", section.what());
        problems.error(section.line_of(file), text);
    }
    secret.or(path)
}

/// `name` is the field: `tls_config` nearly everywhere.
pub(crate) fn read_tls(
    job: &mut Section<'_>,
    name: &'static str,
    folder: &Path,
    problems: &mut Problems,
) -> Tls {
    let Some(node) = job.take(name) else {
        return Tls::default();
    };
    let what = format!("{name} of {}", job.what());
    let Some(mut section) = Section::open(node, what, TLS, problems) else {
        return Tls::default();
    };
    let tls = Tls {
        ca_file: section
            .text("ca_file", problems)
            .map(|path| folder.join(path)),
        insecure_skip_verify: section
            .flag("insecure_skip_verify", problems)
            .unwrap_or(false),
    };
    section.finish(problems);
    tls
}
