//! Which `Host` headers a daemon serves, to stop DNS rebinding.
//!
//! A web page can point its own name at a loopback address and then call a daemon on the
//! visitor's machine; the browser still sends the page's name as `Host`. So a name that is
//! neither loopback nor configured is refused. This module never looks at who calls.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::Problem;

/// The hosts served: loopback addresses, `localhost`, and those that the configuration adds.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Arc<BTreeSet<String>>);

impl Hosts {
    /// Loopback, and the `others` as written in a URL without the port: `stall.lan`, `192.0.2.7`,
    /// `[2001:db8::7]`.
    pub fn loopback_and<'a>(others: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Arc::new(others.into_iter().map(normal).collect()))
    }

    /// Refuses a request that names another host, in `Host` or in an absolute request target.
    pub fn check(&self, request: &Request) -> Result<(), Problem> {
        if let Some(target) = request.uri().authority() {
            self.check_authority(target)?;
        }
        let mut values = request.headers().get_all(HOST).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Problem::malformed("send exactly one `Host` header"));
        };
        let authority = Authority::try_from(value.as_bytes())
            .map_err(|_| Problem::malformed("the `Host` header is not of the form HOST:PORT"))?;
        self.check_authority(&authority)
    }

    fn check_authority(&self, authority: &Authority) -> Result<(), Problem> {
        let host = normal(authority.host());
        if authority.as_str().contains('@') || !(is_loopback(&host) || self.0.contains(&host)) {
            return Err(Problem::forbidden(format!(
                "the `Host` header names `{host}`, which is not served here; \
                 call 127.0.0.1 or localhost"
            )));
        }
        Ok(())
    }
}

/// Middleware for `axum::middleware::from_fn_with_state(hosts, guard)`.
pub async fn guard(
    State(hosts): State<Hosts>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    hosts.check(&request)?;
    Ok(next.run(request).await)
}

/// Lower case, without brackets, the root's dot or an unusual spelling of an address.
fn normal(host: &str) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().to_string(),
        Err(_) => bare.to_ascii_lowercase(),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(target: &str, hosts: &[&str]) -> Request {
        let mut request = axum::http::Request::builder().uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(Body::empty()).unwrap()
    }

    #[track_caller]
    fn check(host: &str, expected: Result<(), u16>) {
        let hosts = Hosts::loopback_and(["Stall.lan", "192.0.2.7", "[2001:db8:0::7]"]);
        let found = hosts.check(&request("/v1/status", &[host]));
        assert_eq!(found.map_err(|problem| problem.status.as_u16()), expected, "{host}");
    }

    #[test]
    fn loopback_is_served_under_all_its_names() {
        for host in ["localhost", "LocalHost:80", "localhost.", "127.0.0.1:7070", "127.9.9.9"] {
            check(host, Ok(()));
        }
        check("[::1]:7070", Ok(()));
        check("[::ffff:127.0.0.1]", Ok(()));
    }

    #[test]
    fn configured_hosts_are_served() {
        for host in ["stall.lan", "STALL.lan:7070", "192.0.2.7", "[2001:db8::7]:1"] {
            check(host, Ok(()));
        }
    }

    #[test]
    fn any_other_name_is_forbidden() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.8",
            "0.0.0.0",
            "evil@localhost",
        ] {
            check(host, Err(403));
        }
    }

    #[test]
    fn a_garbled_host_is_malformed() {
        for host in ["", "a b", "http://localhost/", "[::1"] {
            check(host, Err(400));
        }
    }

    #[test]
    fn no_host_and_two_hosts_are_malformed() {
        let hosts = Hosts::default();
        for given in [&[][..], &["localhost", "localhost"]] {
            assert_eq!(hosts.check(&request("/", given)).unwrap_err().name, "malformed");
        }
    }

    #[test]
    fn an_absolute_target_is_checked_as_well() {
        let target = request("http://evil.example/v1/status", &["localhost"]);
        assert_eq!(Hosts::default().check(&target).unwrap_err().name, "forbidden");
    }
}
