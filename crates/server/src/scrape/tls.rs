//! Certificates for `https` targets: the machine's authorities, or a file, or none at all.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::fetch::causes;
use crate::config::Tls;

/// Where Linux distributions keep the bundle of authorities, most common first.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why certificates cannot be checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("cannot read certificates from {path}: {reason}", path = path.display())]
    Authorities { path: PathBuf, reason: String },
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// Why a target and we do not understand or trust each other, and what its owner can do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error(
        "the certificate of {target} is signed by an authority that is not trusted here; \
         set ca_file in tls_config to that authority's certificate"
    )]
    UnknownAuthority { target: String },
    #[error(
        "the certificate of {target} is for {names}; scrape it by a name that its certificate has"
    )]
    OtherName { target: String, names: String },
    #[error("the certificate of {target} has expired; renew it")]
    Expired { target: String },
    #[error("the certificate of {target} is not valid yet; compare the clocks")]
    NotYet { target: String },
    #[error("{target} does not answer in TLS; set scheme to http if it serves plain HTTP")]
    NotTls { target: String },
    #[error("no TLS connection to {target}: {source}")]
    Other {
        target: String,
        source: rustls::Error,
    },
}

/// What TLS says about a failed connection to `target`; `None` when TLS had no part in it.
pub(crate) fn peer_error(error: &(dyn Error + 'static), target: &str) -> Option<PeerError> {
    let target = target.to_owned();
    let cause = causes(error).find_map(|cause| cause.downcast_ref())?;
    Some(match cause {
        rustls::Error::InvalidCertificate(invalid) => match invalid {
            CertificateError::UnknownIssuer => PeerError::UnknownAuthority { target },
            CertificateError::NotValidForNameContext { presented, .. } => PeerError::OtherName {
                target,
                names: names_of(presented),
            },
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                PeerError::Expired { target }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                PeerError::NotYet { target }
            }
            other => PeerError::Other {
                target,
                source: rustls::Error::InvalidCertificate(other.clone()),
            },
        },
        rustls::Error::InvalidMessage(_) => PeerError::NotTls { target },
        other => PeerError::Other {
            target,
            source: other.clone(),
        },
    })
}

/// `DnsName("shop.example")` and `IpAddress(10.0.0.1)` as people write them.
fn names_of(presented: &[String]) -> String {
    let bare = presented.iter().map(|name| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest);
        inner.trim_end_matches(')').trim_matches('"')
    });
    let names: Vec<&str> = bare.collect();
    if names.is_empty() {
        return "no name at all".to_owned();
    }
    names.join(", ")
}

/// The client side of TLS for one way to check certificates. Plain `http` needs it too, but
/// never looks at it, so a machine without authorities is no error.
pub(crate) fn tls_client(tls: &Tls) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?;
    if tls.insecure_skip_verify {
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unchecked { provider }))
            .with_no_client_auth());
    }
    let roots = match &tls.ca_file {
        Some(path) => authorities(path)?,
        None => SYSTEM_BUNDLES
            .iter()
            .find_map(|path| authorities(Path::new(path)).ok())
            .unwrap_or_else(RootCertStore::empty),
    };
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let failed = |reason: String| TlsError::Authorities {
        path: path.to_owned(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| failed(error.to_string()))?
        .filter_map(Result::ok);
    let mut roots = RootCertStore::empty();
    // One odd certificate in a bundle of a hundred must not cost the others.
    let (added, _ignored) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(failed("it holds no certificate".to_owned()));
    }
    Ok(roots)
}

/// `insecure_skip_verify`: the user said that any certificate will do. Signatures are checked
/// all the same, so the peer at least holds the key of what it shows.
#[derive(Debug)]
struct Unchecked {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
