//! Sends mail over SMTP: with STARTTLS, with TLS from the first byte, or in the clear.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use diagnosis::notify::message::{Mail, dedup_key};
use diagnosis::notify::queue::{Failure, FailureKind};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailboxes, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use model::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::file::Email;
use super::post::{ATTEMPT_MAX, lasting, passing, secret};
use crate::scrape::error_chain;

/// On this port TLS begins with the first byte (RFC 8314); on others by STARTTLS.
const SMTPS_PORT: u16 = 465;

/// Names the message and its thread; the same at each attempt, so that a mail program shows a
/// message that came twice once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    pub(super) id: i64,
    pub(super) group_key: &'a str,
    pub(super) at: Timestamp,
}

/// Reads addresses as they stand in a header: `Ann <ann@example.org>, bob@example.org`.
pub(super) fn addresses(text: &str) -> Result<Mailboxes, String> {
    match text.parse::<Mailboxes>() {
        Ok(found) if found.iter().next().is_some() => Ok(found),
        Ok(_) => Err("an address is missing".to_owned()),
        Err(error) => Err(format!("{text:?} is no list of addresses: {error}")),
    }
}

/// Sends one mail; the answer is the server's last line.
pub(super) async fn send(
    email: &Email,
    mail: Mail,
    identity: Identity<'_>,
) -> Result<String, Failure> {
    let message = message(email, mail, identity).map_err(lasting)?;
    let transport = transport(email).await?;
    let sent = tokio::time::timeout(ATTEMPT_MAX * 2, transport.send(message));
    match sent.await {
        Err(_) => Err(passing("the mail server did not answer in time")),
        Ok(Ok(response)) => {
            let lines: Vec<&str> = response.message().collect();
            Ok(format!("{} {}", response.code(), lines.join(" ")))
        }
        Ok(Err(error)) => Err(Failure {
            reason: format!(
                "mail server {}: {}",
                email.smarthost.host,
                error_chain(&error)
            ),
            // A server that refuses our name or the address for good, not one that is away.
            kind: if error.is_permanent() {
                FailureKind::Lasting
            } else {
                FailureKind::Passing(None)
            },
        }),
    }
}

fn message(email: &Email, mail: Mail, identity: Identity<'_>) -> Result<Message, String> {
    let from = addresses(&email.from)?;
    let thread = dedup_key(identity.group_key);
    let sent_ms = u64::try_from(identity.at.as_millis()).unwrap_or(0);
    let auto = HeaderName::new_from_ascii_str("Auto-Submitted");
    let mut builder = Message::builder()
        .subject(mail.subject)
        .date(UNIX_EPOCH + Duration::from_millis(sent_ms))
        .message_id(Some(format!("<{}.{}@pyrometer>", identity.id, sent_ms)))
        .references(format!("<{thread}@pyrometer>"))
        .raw_header(HeaderValue::new(auto, "auto-generated".to_owned()));
    for sender in from {
        builder = builder.from(sender);
    }
    for receiver in addresses(&email.to)? {
        builder = builder.to(receiver);
    }
    let body = MultiPart::alternative_plain_html(mail.text, mail.html);
    builder.multipart(body).map_err(|error| error.to_string())
}

async fn transport(email: &Email) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
    let host = &email.smarthost.host;
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(email.smarthost.port)
        .timeout(Some(ATTEMPT_MAX));
    if let Some(hello) = &email.hello {
        builder = builder.hello_name(ClientId::Domain(hello.clone()));
    }
    if let Some((user, password)) = &email.login {
        let password = secret(password).await?;
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    let tls = match (email.smarthost.port, email.require_tls) {
        (SMTPS_PORT, _) => Tls::Wrapper(tls_parameters(email).await?),
        (_, true) => Tls::Required(tls_parameters(email).await?),
        (_, false) => Tls::Opportunistic(tls_parameters(email).await?),
    };
    Ok(builder.tls(tls).build())
}

async fn tls_parameters(email: &Email) -> Result<TlsParameters, Failure> {
    let mut builder = TlsParameters::builder(email.smarthost.host.clone())
        .dangerous_accept_invalid_certs(email.tls.insecure_skip_verify);
    if let Some(path) = email.tls.ca_file.clone() {
        let read = tokio::task::spawn_blocking(move || authorities(&path)).await;
        let read = read.map_err(|error| passing(error.to_string()))?;
        builder = builder.certificate_store(CertificateStore::None);
        for certificate in read.map_err(passing)? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder
        .build()
        .map_err(|error| passing(error_chain(&error)))
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let failed =
        |reason: String| format!("cannot read certificates from {}: {reason}", path.display());
    let found = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
    let found: Vec<Certificate> = found
        .filter_map(Result::ok)
        .filter_map(|one| Certificate::from_der(one.to_vec()).ok())
        .collect();
    if found.is_empty() {
        return Err(failed("it holds no certificate".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Tls;
    use crate::notify::file::Smarthost;

    fn email(to: &str) -> Email {
        Email {
            to: to.to_owned(),
            from: "Pyrometer <pyro@example.org>".to_owned(),
            smarthost: Smarthost {
                host: "localhost".into(),
                port: 25,
            },
            hello: None,
            login: None,
            require_tls: false,
            tls: Tls::default(),
        }
    }

    #[test]
    fn addresses_are_lists_and_what_is_none_is_refused() {
        for (text, good) in [
            ("ann@example.org", true),
            ("Ann <ann@example.org>, bob@example.org", true),
            ("", false),
            ("ann", false),
            ("ann@example.org\r\nBcc: x@example.org", false),
        ] {
            assert_eq!(addresses(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn a_subject_adds_no_header_whatever_stands_in_it() {
        let mail = Mail {
            subject: "x\r\nBcc: evil@example.org".to_owned(),
            text: "ä\n.\nb".to_owned(),
            html: "<p>ä</p>".to_owned(),
        };
        let identity = Identity {
            id: 7,
            group_key: "{}:{}",
            at: Timestamp::from_millis(0),
        };
        let message = message(&email("ann@example.org"), mail, identity).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        let starts = |name: &str| head.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!(
            (starts("Bcc:"), starts("Subject:"), starts("Message-ID:")),
            (0, 1, 1),
            "{head}"
        );
        assert_eq!(message.envelope().to().len(), 1);
    }
}
