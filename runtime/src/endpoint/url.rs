//! The address of a model server. The scheme selects the protocol and encryption. Credentials are refused, because URLs
//! are printed.

use std::fmt;
use std::str::FromStr;

use ::http::Uri;

use super::EndpointError;

/// Protocol and encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP/1.1.
    Http,
    /// HTTP/1.1 through TLS.
    Https,
    /// gRPC.
    Grpc,
    /// gRPC through TLS.
    Grpcs,
}

impl Scheme {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "http" => Self::Http,
            "https" => Self::Https,
            "grpc" => Self::Grpc,
            "grpcs" => Self::Grpcs,
            _ => return None,
        })
    }

    /// Returns true for gRPC.
    #[must_use]
    pub fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::Grpcs)
    }

    /// Returns true for TLS.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Https | Self::Grpcs)
    }
}

/// The address of a model server, such as `grpc://127.0.0.1:8001` or `https://models.example/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    scheme: Scheme,
    authority: String,
    path: String,
    text: String,
}

impl EndpointUrl {
    /// Protocol and encryption.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The address with the scheme `http` or `https`, without a slash at its end: gRPC uses HTTP/2.
    #[must_use]
    pub(super) fn as_http(&self) -> String {
        let scheme = if self.scheme.is_encrypted() { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.path)
    }

    /// Returns true for a loopback address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for EndpointUrl {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = |reason: &str| EndpointError::Url { url: without_secret(text), reason: reason.to_owned() };
        let uri: Uri = text.parse().map_err(|error| wrong(&format!("is not a URL ({error})")))?;
        let scheme = uri.scheme_str().ok_or_else(|| wrong("has no scheme"))?;
        let scheme = Scheme::from_name(scheme).ok_or_else(|| wrong(&format!("has the scheme `{scheme}`")))?;
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        if authority.contains('@') {
            return Err(wrong(&format!("holds credentials; set {} instead", super::TOKEN_VARIABLE)));
        }
        let path = uri.path().trim_end_matches('/');
        if scheme.is_grpc() && !path.is_empty() {
            return Err(wrong("has a path, and gRPC has none"));
        }
        if uri.query().is_some() {
            return Err(wrong("has a query"));
        }
        if path.ends_with("/v2") {
            return Err(wrong("ends in /v2, which Kiln adds itself"));
        }
        Ok(Self { scheme, authority, path: path.to_owned(), text: text.trim_end_matches('/').to_owned() })
    }
}

/// The text without the part before an `@`.
fn without_secret(text: &str) -> String {
    match (text.split_once("://"), text.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://…{}", &text[at..]),
        _ => text.to_owned(),
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_scheme_says_what_is_spoken() {
        for (text, scheme, http) in [
            ("http://127.0.0.1:8000", Scheme::Http, "http://127.0.0.1:8000"),
            ("https://host/prefix/", Scheme::Https, "https://host/prefix"),
            ("grpc://host:8001/", Scheme::Grpc, "http://host:8001"),
            ("grpcs://[::1]:8001", Scheme::Grpcs, "https://[::1]:8001"),
        ] {
            let url: EndpointUrl = text.parse().unwrap();
            assert_eq!((url.scheme(), url.as_http()), (scheme, http.to_owned()));
            assert_eq!(url.to_string(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_is_not_repeated() {
        for text in ["", "host:8000", "ftp://host", "grpc://host/path", "http://host?a=b", "http://host/v2", "http://"]
        {
            assert!(text.parse::<EndpointUrl>().is_err(), "{text}");
        }
        let error = "http://me:secret@host".parse::<EndpointUrl>().unwrap_err().to_string();
        assert!(error.contains("credentials") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn this_machine_is_known() {
        for (text, here) in [("http://localhost:1", true), ("grpc://[::1]:1", true), ("http://127.example.org", false)]
        {
            assert_eq!(text.parse::<EndpointUrl>().unwrap().is_loopback(), here);
        }
        assert!(!"http://host:1".parse::<EndpointUrl>().unwrap().is_loopback());
    }
}
