use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;

use crate::web::app::Security;

/// The address of whoever sent the request: the peer, or the nearest one that a trusted proxy names.
///
/// `X-Forwarded-For` is read from the right, past our own proxies; whatever the client wrote further left is not believed.
pub(super) fn client(request: &HttpRequest, security: &Security) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.ip().to_canonical());
    if !security.proxies.contains(&peer) {
        return peer;
    }
    let named: Vec<&str> =
        request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok()).collect();
    for text in named.join(",").rsplit(',') {
        match text.trim().parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if security.proxies.contains(&address) => {}
            Ok(address) => return address,
            Err(_) => return peer,
        }
    }
    peer
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seen(peer: &str, forwarded: Option<&str>) -> String {
        let security = Security { proxies: vec!["10.0.0.5".parse().unwrap()], ..Security::default() };
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        if let Some(value) = forwarded {
            request = request.insert_header(("x-forwarded-for", value));
        }
        client(&request.to_http_request(), &security).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_about_its_own_peer() {
        assert_eq!(seen("10.0.0.9", Some("1.2.3.4")), "10.0.0.9", "not our proxy");
        assert_eq!(seen("10.0.0.5", Some("1.2.3.4")), "1.2.3.4");
        assert_eq!(seen("10.0.0.5", Some("6.6.6.6, 1.2.3.4")), "1.2.3.4", "the client wrote 6.6.6.6 itself");
        assert_eq!(seen("10.0.0.5", Some("1.2.3.4, 10.0.0.5")), "1.2.3.4", "two hops of ours");
        assert_eq!(seen("10.0.0.5", Some("1.2.3.4, junk")), "10.0.0.5");
        assert_eq!(seen("10.0.0.5", None), "10.0.0.5");
    }
}
