use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::HOST;

use super::Error;

/// Checks that `bind` cannot be reached from another machine.
///
/// # Errors
/// [`Error::NotLoopback`] otherwise.
pub(super) fn loopback(bind: SocketAddr) -> Result<SocketAddr, Error> {
    if bind.ip().is_loopback() { Ok(bind) } else { Err(Error::NotLoopback { bind }) }
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
    fn only_loopback_addresses_are_served() {
        for good in ["127.0.0.1:0", "[::1]:8080", "127.9.9.9:1"] {
            assert!(loopback(good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in ["0.0.0.0:80", "[::]:80", "192.168.1.2:80", "[2001:db8::1]:80"] {
            let error = loopback(bad.parse().unwrap()).unwrap_err();
            assert!(error.to_string().contains("no sign-in yet"), "{error}");
        }
    }
}
