use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::HOST;

use super::{Error, Security};

/// Checks that `bind` is on this machine only, or behind a proxy that ends TLS; a demonstration never leaves the machine.
///
/// # Errors
/// [`Error::NotLoopback`] otherwise.
pub(super) fn reachable(bind: SocketAddr, security: &Security, demonstration: bool) -> Result<SocketAddr, Error> {
    if bind.ip().is_loopback() || (security.tls && !demonstration) {
        Ok(bind)
    } else {
        Err(Error::NotLoopback { bind })
    }
}

/// Checks that the request names a loopback host, in its `Host` header and, where given, in its target.
///
/// A browser that was lured to another name which resolves to 127.0.0.1 (DNS rebinding) sends that other name.
///
/// # Errors
/// [`Error::Host`] when the name is absent or any other.
pub(super) fn host(request: &HttpRequest, allowed: &[String]) -> Result<(), Error> {
    let mut named = request.headers().get_all(HOST);
    let header = named.next().and_then(|value| value.to_str().ok()).ok_or(Error::Host)?;
    let target = request.uri().authority().map(|authority| authority.as_str());
    let known = |name: &str| is_loopback_name(name) || is_allowed(name, allowed);
    let fine = named.next().is_none() && known(header) && target.is_none_or(known);
    if fine { Ok(()) } else { Err(Error::Host) }
}

/// True when `authority` is one of the names that the operator gave, with or without a port.
fn is_allowed(authority: &str, allowed: &[String]) -> bool {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => authority,
    };
    allowed.iter().any(|each| each.eq_ignore_ascii_case(name))
}

/// Passes a request that came from this machine or through the proxy by https, where the server stands behind one.
///
/// # Errors
/// [`Error::Direct`] otherwise: a password would cross the network in the clear.
pub(super) fn through_proxy(request: &HttpRequest, security: &Security) -> Result<(), Error> {
    if !security.tls {
        return Ok(());
    }
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let proxy = peer.is_some_and(|peer| security.proxies.contains(&peer));
    let scheme = request.headers().get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    match (proxy, scheme) {
        (true, Some("https")) => Ok(()),
        (false, None) if peer.is_some_and(|peer| peer.is_loopback()) => Ok(()),
        _ => Err(Error::Direct),
    }
}

/// True when `origin` (scheme and authority) is the one that this request was sent to.
pub(super) fn is_own_origin(request: &HttpRequest, origin: &str) -> bool {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    !host.is_empty() && authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// True for `localhost`, a loopback IPv4 address or `[::1]`, with or without a port.
fn is_loopback_name(authority: &str) -> bool {
    let (name, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, rest)) => {
            return inside.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() && ip.is_ipv6())
                && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
        }
        None => authority.split_once(':').map_or((authority, None), |(name, port)| (name, Some(port))),
    };
    let known = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() && ip.is_ipv4());
    known && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_loopback_names_pass() {
        for good in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:80", "127.1.2.3:1", "[::1]", "[::1]:8080"] {
            assert!(is_loopback_name(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "::1",
            "localhost:x",
            "localhost:",
            "127.0.0.1:80:80",
            "user@localhost",
            "[::1",
            "[::1]x",
            "[127.0.0.1]",
            "localhost ",
        ] {
            assert!(!is_loopback_name(bad), "{bad}");
        }
    }

    #[test]
    fn other_addresses_are_served_behind_a_proxy_only() {
        let (plain, tls) = (Security::default(), Security { tls: true, ..Security::default() });
        for local in ["127.0.0.1:0", "[::1]:8080", "127.9.9.9:1"] {
            assert!(reachable(local.parse().unwrap(), &plain, true).is_ok(), "{local}");
        }
        for open in ["0.0.0.0:80", "[::]:80", "192.168.1.2:80", "[2001:db8::1]:80"] {
            let bind = open.parse().unwrap();
            assert!(reachable(bind, &plain, false).is_err() && reachable(bind, &tls, true).is_err(), "{open}");
            assert!(reachable(bind, &tls, false).is_ok(), "{open}");
        }
    }

    #[test]
    fn a_server_behind_a_proxy_answers_that_proxy_over_https_and_this_machine() {
        let security = Security { tls: true, proxies: vec!["10.0.0.5".parse().unwrap()], ..Security::default() };
        let passes = |peer: &str, proto: Option<&str>| {
            let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
            if let Some(proto) = proto {
                request = request.insert_header(("x-forwarded-proto", proto));
            }
            through_proxy(&request.to_http_request(), &security).is_ok()
        };
        assert!(passes("10.0.0.5", Some("https")) && passes("127.0.0.1", None));
        for (peer, proto) in [
            ("10.0.0.5", None),
            ("10.0.0.5", Some("http")),
            ("10.0.0.9", Some("https")),
            ("10.0.0.9", None),
            ("127.0.0.1", Some("https")),
        ] {
            assert!(!passes(peer, proto), "{peer} {proto:?}");
        }
        assert!(through_proxy(&TestRequest::default().to_http_request(), &Security::default()).is_ok());
    }

    #[test]
    fn names_that_the_operator_gave_pass_whole_and_without_case() {
        let allowed = ["regimen.clinic.example".to_owned()];
        for good in ["regimen.clinic.example", "Regimen.Clinic.Example:443"] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in
            ["clinic.example", "evil.regimen.clinic.example", "regimen.clinic.example.evil", "regimen.clinic.example:x"]
        {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn only_the_origin_that_was_asked_is_our_own() {
        let own = |host: &str, origin: &str| {
            is_own_origin(&TestRequest::default().insert_header(("host", host)).to_http_request(), origin)
        };
        assert!(own("127.0.0.1:8080", "http://127.0.0.1:8080") && own("a.example", "https://a.example"));
        for (host, origin) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8081"),
            ("127.0.0.1:8080", "http://localhost:8080"),
            ("a.example", "https://a.example.evil"),
            ("a.example", "null"),
            ("a.example", ""),
            ("a.example", "ftp://a.example"),
        ] {
            assert!(!own(host, origin), "{host} {origin}");
        }
    }
}
