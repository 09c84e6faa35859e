//! Which `Host` and `Origin` headers a daemon serves, to stop DNS rebinding and forged requests.
//!
//! A web page can point its own name at a loopback address and then call a daemon on the
//! visitor's machine; the browser still sends the page's name as `Host`. So a name that is
//! neither the listener's own nor configured is refused. A page elsewhere can also send a form to
//! a daemon's true name; the browser then tells the page's origin, and what would change something
//! is refused. This module never looks at who calls.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::Problem;

/// The hosts that a listener serves.
#[derive(Debug, Clone)]
pub struct Hosts {
    names: Arc<BTreeSet<String>>,
    face: Face,
}

/// Which listener it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    /// Plain HTTP for this machine, under every loopback name.
    Loopback,
    /// TLS for the LAN, under the given names alone.
    Lan,
}

/// Marks a request that came over the LAN's listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lan;

impl Default for Hosts {
    fn default() -> Self {
        Self::loopback_and([])
    }
}

impl Hosts {
    /// Loopback, and the `others` as written in a URL without the port: `stall.lan`, `192.0.2.7`,
    /// `[2001:db8::7]`.
    pub fn loopback_and<'a>(others: impl IntoIterator<Item = &'a str>) -> Self {
        let names = Arc::new(others.into_iter().map(normal).collect());
        Self { names, face: Face::Loopback }
    }

    /// The listener for the LAN, under these names and no others.
    pub fn lan<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { names: Arc::new(names.into_iter().map(normal).collect()), face: Face::Lan }
    }

    /// Refuses a request that names another host, in `Host` or in an absolute request target, or
    /// that a page of another origin sent to change something.
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
        self.check_authority(&authority)?;
        match *request.method() {
            Method::GET | Method::HEAD => Ok(()),
            _ => self.check_origin(request.headers(), &authority),
        }
    }

    fn check_authority(&self, authority: &Authority) -> Result<(), Problem> {
        let host = normal(authority.host());
        let loopback = self.face == Face::Loopback && is_loopback(&host);
        if authority.as_str().contains('@') || !(loopback || self.names.contains(&host)) {
            let mend = match self.face {
                Face::Loopback => "call 127.0.0.1 or localhost",
                Face::Lan => "call the address it listens on, or add the name to `till_hosts`",
            };
            return Err(Problem::forbidden(format!(
                "the `Host` header names `{host}`, which is not served here; {mend}"
            )));
        }
        Ok(())
    }

    /// Programs send no `Origin`; browsers do, and ours is that of the host that they call.
    fn check_origin(&self, headers: &HeaderMap, host: &Authority) -> Result<(), Problem> {
        let own = match self.face {
            Face::Loopback => format!("http://{host}"),
            Face::Lan => format!("https://{host}"),
        };
        let foreign =
            |origin: &&HeaderValue| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes());
        match headers.get_all(ORIGIN).iter().find(foreign) {
            None => Ok(()),
            Some(_) => Err(Problem::forbidden(format!(
                "the `Origin` header names a page that is not of {own}; only that daemon's own \
                 pages may change something"
            ))),
        }
    }
}

/// Middleware for `axum::middleware::from_fn_with_state(hosts, guard)`.
pub async fn guard(
    State(hosts): State<Hosts>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    hosts.check(&request)?;
    if hosts.face == Face::Lan {
        request.extensions_mut().insert(Lan);
    }
    Ok(next.run(request).await)
}

/// Lower case, without brackets, the root's dot or an unusual spelling of an address.
pub(crate) fn normal(host: &str) -> String {
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

    #[track_caller]
    fn check_origin(hosts: &Hosts, method: &str, host: &str, origins: &[&str], allowed: bool) {
        let mut request = axum::http::Request::builder().method(method).header(HOST, host);
        for origin in origins {
            request = request.header(ORIGIN, *origin);
        }
        let found = hosts.check(&request.body(Body::empty()).unwrap());
        let expected = if allowed { Ok(()) } else { Err("forbidden") };
        assert_eq!(found.map_err(|problem| problem.name), expected, "{method} {host} {origins:?}");
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let hosts = Hosts::default();
        let own = "http://127.0.0.1:7700";
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "ODD"] {
            check_origin(&hosts, method, "127.0.0.1:7700", &[], true);
            check_origin(&hosts, method, "127.0.0.1:7700", &[own], true);
            for foreign in [
                "http://evil.example",
                "http://127.0.0.1:7701",
                "http://127.0.0.1",
                "https://127.0.0.1:7700",
                "http://localhost:7700",
                "http://127.0.0.1:7700.evil.example",
                "null",
                "",
            ] {
                check_origin(&hosts, method, "127.0.0.1:7700", &[foreign], false);
            }
            check_origin(&hosts, method, "127.0.0.1:7700", &[own, "null"], false);
        }
        check_origin(&hosts, "POST", "localhost:7700", &["http://LOCALHOST:7700"], true);
        check_origin(&hosts, "GET", "127.0.0.1:7700", &["http://evil.example"], true);
    }

    #[test]
    fn the_lan_serves_its_own_names_alone_and_over_tls() {
        let hosts = Hosts::lan(["stall.lan", "192.0.2.7"]);
        check_origin(&hosts, "POST", "stall.lan:7702", &["https://stall.lan:7702"], true);
        check_origin(&hosts, "POST", "stall.lan:7702", &["http://stall.lan:7702"], false);
        check_origin(&hosts, "GET", "192.0.2.7:7702", &[], true);
        for host in ["localhost:7702", "127.0.0.1:7702", "evil.example", "192.0.2.8"] {
            check_origin(&hosts, "GET", host, &[], false);
        }
    }
}
