//! `/openapi.json` against the running programs: every call is in it, nothing else is, and what
//! comes back is what it says.

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Map, Value, json};
use shell::env::RealEnv;

use super::harness::{Answer, Api, Daemon, Market, tea};

const PROBLEM: &str = "application/problem+json";
const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "patch", "trace"];

/// What a daemon says of itself.
struct Document(Value);

/// One call of it.
struct Call<'a> {
    method: Method,
    path: &'a str,
    described: &'a Value,
}

impl Document {
    /// Anybody may read it.
    async fn of(daemon: &Daemon) -> Self {
        Self(daemon.door().get("/openapi.json").await)
    }

    fn paths(&self) -> &Map<String, Value> {
        self.0["paths"].as_object().expect("paths")
    }

    fn calls(&self) -> impl Iterator<Item = Call<'_>> {
        self.paths().iter().flat_map(|(path, item)| {
            item.as_object().expect("methods").iter().map(move |(method, described)| Call {
                method: method.to_uppercase().parse().expect("a method"),
                path,
                described,
            })
        })
    }

    fn call(&self, method: &Method, path: &str) -> Call<'_> {
        let found = self.calls().find(|call| call.method == *method && call.path == path);
        found.unwrap_or_else(|| panic!("{method} {path} is not described"))
    }

    /// Checks values against a schema of the document. It is read strictly: an object has the
    /// members that are described and no others.
    fn validator(&self, schema: &Value) -> Validator {
        let mut root = schema.clone();
        root["components"] = self.0["components"].clone();
        let parts: Vec<String> = parts_of_others(&root);
        for (name, schema) in root["components"]["schemas"].as_object_mut().expect("schemas") {
            if !parts.contains(name) {
                close(schema);
            }
        }
        close(&mut root);
        jsonschema::validator_for(&root).unwrap_or_else(|error| panic!("{schema:#}: {error}"))
    }
}

/// The schemas that others are composed of: they are closed where they are used.
fn parts_of_others(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let parts = members.get("allOf").and_then(Value::as_array);
            let refs = parts.into_iter().flatten().filter_map(|part| part["$ref"].as_str());
            let names = refs.filter_map(|name| Some(name.rsplit_once('/')?.1.to_owned()));
            names.chain(members.values().flat_map(parts_of_others)).collect()
        }
        Value::Array(values) => values.iter().flat_map(parts_of_others).collect(),
        _ => Vec::new(),
    }
}

fn close(schema: &mut Value) {
    if schema.get("properties").is_some() || schema.get("allOf").is_some() {
        schema["unevaluatedProperties"] = json!(false);
    }
}

impl Call<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with something that is there in place of its parameters.
    fn asked(&self) -> String {
        let path = self.path.replace("{sku}", "tea");
        path.replace("{till}", "t1").replace("{number}", "1")
    }

    fn takes(&self, role: &str) -> bool {
        let ways = self.described["security"].as_array().expect("every call says who may call");
        ways.iter().any(|way| way.get(role).is_some())
    }

    fn is_open(&self) -> bool {
        self.described["security"] == json!([{}])
    }

    fn content(&self, status: u16, content: &str) -> &Value {
        let said = &self.described["responses"][status.to_string()]["content"];
        let (kind, _) = content.split_once(';').unwrap_or((content, ""));
        let found = said.as_object().into_iter().flatten();
        let mut found = found.filter(|(said, _)| said.split(';').next() == Some(kind));
        match found.next() {
            Some((_, content)) => content,
            None => panic!("{}: {status} {content} is not described", self.name()),
        }
    }

    /// Expects an answer to be one that is described.
    fn check(&self, document: &Document, answer: &Answer) {
        let content = self.content(answer.status, &answer.content);
        if answer.content.contains("json") && content.get("schema").is_some() {
            let validator = document.validator(&content["schema"]);
            if let Err(error) = validator.validate(&answer.body) {
                panic!("{}: {error} at {}: {answer:#?}", self.name(), error.instance_path());
            }
        }
    }

    async fn send(&self, api: &Api, query: &str, body: Option<&Value>) -> Answer {
        let path = format!("{}{query}", self.asked());
        let request = api.request(self.method.clone(), &path).header("idempotency-key", self.path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        Api::send(request).await.unwrap_or_else(|error| panic!("{}: {error:?}", self.name()))
    }
}

/// The paths of the API that a router has, as axum shows them. Pages are for people, and are not
/// described.
fn routed(shown: &str) -> Vec<String> {
    let quoted = shown.split('"').skip(1).step_by(2);
    let is_call =
        |path: &&str| path.starts_with("/v1/") || ["/openapi.json", "/metrics"].contains(path);
    let mut paths: Vec<String> = quoted.filter(is_call).map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    paths
}

#[tokio::test]
async fn every_route_is_described_and_every_described_one_is_routed() {
    let mut market = Market::open().await;
    let mut north = market.stall("north").await;
    let tables = [
        (&*north, format!("{:?}", node::api::table::<RealEnv>())),
        (&market.control, format!("{:?}", control::api::table::<RealEnv>())),
    ];
    for (daemon, shown) in tables {
        let document = Document::of(daemon).await;
        let described: Vec<String> = document.paths().keys().cloned().collect();
        assert_eq!(routed(&shown), described, "at {}", daemon.name());
        for (path, item) in document.paths() {
            for method in METHODS.iter().filter(|method| item.get(**method).is_none()) {
                let method: Method = method.to_uppercase().parse().expect("a method");
                let request = daemon.api().request(method.clone(), &path.replace("{sku}", "tea"));
                let answer = Api::send(request).await.expect("an answer");
                assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
            }
        }
    }
    north.kill();
    market.control.kill();
}

#[tokio::test]
async fn who_may_call_is_as_described() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    for daemon in [&*north, &market.control] {
        let document = Document::of(daemon).await;
        for call in document.calls().filter(|call| !call.is_open()) {
            assert!(call.takes("operator"), "{}", call.name());
            let answer = call.send(&daemon.door(), "", Some(&tea(1))).await;
            assert_eq!(answer.status, 401, "{}: {answer:?}", call.name());
            call.check(&document, &answer);
        }
    }
    let document = Document::of(&north).await;
    for call in document.calls().filter(|call| !call.is_open() && !call.takes("till")) {
        let answer = call.send(&north.till(), "", Some(&tea(1))).await;
        assert_eq!(answer.status, 403, "{}: {answer:?}", call.name());
        call.check(&document, &answer);
    }
    // What a till may call does not refuse it for being one.
    for call in document.calls().filter(|call| call.takes("till")) {
        let answer = call.send(&north.till(), "", None).await;
        assert!(![401, 403].contains(&answer.status), "{}: {answer:?}", call.name());
        call.check(&document, &answer);
    }
}

#[tokio::test]
async fn every_read_answers_as_described_and_says_its_vector() {
    let market = Market::open().await;
    let flags = ["--till-listen", "127.0.0.1:0", "--till-host", "stall.lan"];
    let mut north = market.stall_with("north", &flags).await;
    north.sell(2).await;
    north.wait_nothing_at_risk().await;
    for daemon in [&*north, &market.control] {
        let document = Document::of(daemon).await;
        for call in document.calls().filter(|call| call.method == Method::GET) {
            // A sale is named by its event, a bundle by its hash; `money` and `prices` ask for one.
            if call.path.contains("{id}") || call.path.contains("{bundle}") {
                continue;
            }
            let answer = call.send(&daemon.api(), "", None).await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", call.name());
            call.check(&document, &answer);
            if !call.path.starts_with("/v1/") {
                continue;
            }
            let header = &call.described["responses"]["200"]["headers"]["Tentpole-Vector"];
            let said = answer.vector.as_deref().unwrap_or_default();
            assert_eq!(header["schema"]["type"], "string", "{}", call.name());
            assert_eq!(said.len(), 64, "{}: {answer:?}", call.name());
            if let Some(vector) = answer.body["vector"].as_str() {
                assert_eq!(said, vector, "{}", call.name());
            }
        }
    }
}

#[tokio::test]
async fn sales_receipts_and_closes_are_answered_as_described() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let document = Document::of(&north).await;
    let at = "2017-01-01T12:00:00+01:00";
    let (first, second) = (tea(199), tea(250));
    let sold = north.till().must_write("/v1/sales", "1", &first).await.body["sale"].clone();
    let other = north.till().must_write("/v1/sales", "2", &second).await.body["sale"].clone();
    let refund = json!({ "sale": sold, "at": at, "restock": true,
        "lines": [{ "line": 0, "quantity": 1000, "amount": 199 }],
        "tenders": [{ "kind": "cash", "amount": 199 }] });
    for (path, body) in [
        ("/v1/refunds", refund),
        ("/v1/voids", json!({ "sale": other, "at": at })),
        ("/v1/shifts/open", json!({ "at": at, "float": 500 })),
        ("/v1/cash", json!({ "at": at, "direction": "paid-in", "amount": 5 })),
        ("/v1/shifts/close", json!({ "at": at, "counted": 5 })),
        ("/v1/receipts/reprint", json!({ "at": at, "document": sold })),
        ("/v1/days/close", json!({ "at": at, "counted": 5 })),
    ] {
        let answer = north.till().must_write(path, path, &body).await;
        document.call(&Method::POST, path).check(&document, &answer);
    }
    let paths = ["/v1/receipts/t1/1", "/v1/receipts/t1/3", "/v1/drawers", "/v1/shifts", "/v1/days"];
    let fates = [&sold, &other].map(|id| format!("/v1/sales/{}", id.as_str().expect("an id")));
    for path in paths.into_iter().chain(fates.iter().map(String::as_str)) {
        let answer = Api::send(north.till().request(Method::GET, path)).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let described = match path.split('/').nth(2) {
            Some("receipts") => "/v1/receipts/{till}/{number}",
            Some("sales") => "/v1/sales/{id}",
            _ => path,
        };
        document.call(&Method::GET, described).check(&document, &answer);
    }
}

#[tokio::test]
async fn wrong_input_gets_the_described_problem() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    for daemon in [&*north, &market.control] {
        let document = Document::of(daemon).await;
        for call in document.calls() {
            let parameters = call.described["parameters"].as_array();
            if parameters.into_iter().flatten().any(|one| one["in"] == "query") {
                let answer = call.send(&daemon.api(), "?no-such-parameter=1", None).await;
                assert_eq!(answer.status, 400, "{}: {answer:?}", call.name());
                assert_eq!(answer.content, PROBLEM);
                call.check(&document, &answer);
            }
            if call.described.get("requestBody").is_some() {
                for body in [json!("nonsense"), json!({ "no-such-member": 1 }), json!([])] {
                    let answer = call.send(&daemon.api(), "", Some(&body)).await;
                    assert_eq!(answer.status, 400, "{} {body}: {answer:?}", call.name());
                    assert_eq!(answer.content, PROBLEM);
                    call.check(&document, &answer);
                }
            }
        }
    }
}

#[tokio::test]
async fn writing_calls_take_and_answer_what_is_described() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let sale = north.api().must_write("/v1/sales", "1", &tea(250)).await.body["sale"].clone();
    let other = north.api().must_write("/v1/sales", "2", &tea(250)).await.body["sale"].clone();
    let at = "2017-01-01T10:00:00+01:00";
    let tenders = json!([{ "kind": "cash", "amount": 250 }]);
    let back = json!([{ "line": 0, "quantity": 1000, "amount": 250 }]);
    let refund =
        json!({ "sale": sale, "at": at, "lines": back, "tenders": tenders, "restock": true });
    let cakes = json!({ "sku": "cake", "quantity": 1000, "promise": true });
    let goods = json!({ "at": at, "lines": [cakes] });
    let items = json!({ "items": [{ "sku": "bun", "name": "Bun", "price": 90 }] });
    let device = north.device().await;
    let other_stall = market.stall("south").await;
    let south = other_stall.device().await;
    let at_stall = [
        ("POST", "/v1/sales", tea(99)),
        ("POST", "/v1/refunds", refund),
        ("POST", "/v1/voids", json!({ "sale": other, "at": at })),
        ("POST", "/v1/goods-received", goods),
        ("POST", "/v1/tills", json!({ "name": "t2" })),
        ("POST", "/v1/rights/grants", json!({ "to": south, "sku": "cake", "quantity": 400 })),
        ("POST", "/v1/rights/requests", json!({ "from": south, "sku": "cake", "quantity": 1 })),
        ("PUT", "/v1/link", json!({ "up": true })),
    ];
    let at_control = [
        ("POST", "/v1/invites", json!({ "name": "west" })),
        ("POST", "/v1/catalogue/items", items),
        ("POST", "/v1/rights/forfeits", json!({ "device": device, "to": south })),
        ("POST", "/v1/revocations", json!({ "device": device })),
    ];
    for (daemon, calls) in [(&*north, &at_stall[..]), (&market.control, &at_control[..])] {
        // What is forfeited at the control has to be known there.
        market.wait_equal_digests(&[&north]).await;
        let document = Document::of(daemon).await;
        for (method, path, body) in calls {
            let call = document.call(&method.parse().expect("a method"), path);
            let schema = &call.described["requestBody"]["content"]["application/json"]["schema"];
            if let Err(error) = document.validator(schema).validate(body) {
                panic!("{}: {error} at {}", call.name(), error.instance_path());
            }
            let answer = call.send(&daemon.api(), "", Some(body)).await;
            assert!([200, 201].contains(&answer.status), "{}: {answer:?}", call.name());
            call.check(&document, &answer);
        }
    }
}
