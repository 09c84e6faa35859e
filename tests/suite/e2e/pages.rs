//! The live pages, as somebody with a tablet uses them: in a real browser, by touch.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Api, Browser, Market, Stall};
use super::prices::{now_ms, publish, wait_in_force};

/// A stall with ten teas and five cakes, and a browser in which its till is logged in.
async fn counter(market: &Market) -> Option<(Stall, Browser)> {
    let browser = Browser::open().await?;
    let north = market.stall("north").await;
    let goods = json!({
        "at": "2017-01-01T08:00:00+01:00",
        "lines": [{ "sku": "tea", "quantity": 10_000 }, { "sku": "cake", "quantity": 5_000 }],
    });
    north.till().must_write("/v1/goods-received", "morning", &goods).await;
    north.wait_nothing_at_risk().await;
    browser.log_in(&north, north.token()).await;
    Some((north, browser))
}

async fn touch(browser: &Browser, sku: &str) {
    browser.click(&format!("#items button[data-sku={sku}]")).await;
}

async fn here(browser: &Browser, sku: &str) -> String {
    browser.text(&format!("#stock tr[data-sku={sku}] .here")).await
}

async fn baskets(stall: &Stall) -> Value {
    stall.total().await["baskets"].clone()
}

#[tokio::test]
async fn a_till_sells_by_touch_and_total_and_stock_move() {
    let market = Market::open().await;
    let Some((north, browser)) = counter(&market).await else { return };
    assert_eq!(
        (here(&browser, "tea").await, here(&browser, "cake").await),
        ("10".into(), "5".into())
    );
    for sku in ["tea", "cake", "tea"] {
        touch(&browser, sku).await;
    }
    assert_eq!(browser.text("#due").await, "4.50");
    browser.fill("#given", "4").await;
    assert_eq!(browser.count("#pay:disabled").await, 1, "too little cash was given");
    browser.fill("#given", "10").await;
    assert_eq!(browser.text("#change").await, "5.50");
    browser.picture("node-basket.png").await;
    browser.click("#pay").await;

    browser.wait_text("#sold", "Sold, and kept on this stall's disk").await;
    assert_eq!(browser.text("#total").await, "4.50 USD");
    assert_eq!(browser.text("#change-due").await, "5.50 USD");
    assert_eq!(browser.count("#again").await, 0);
    browser.picture("node-sold.png").await;
    browser.must_fit("the page of a sale").await;
    let id = browser.text("#sale-id").await;
    assert_eq!(browser.text("#totals .big").await, "4.50 USD");

    browser.click("#next").await;
    browser.wait_text("#findings", "The books fit together").await;
    browser.wait_text("#empty", "Empty").await;
    browser.wait_text("#totals .big", "4.50 USD").await;
    assert_eq!(
        (here(&browser, "tea").await, here(&browser, "cake").await),
        ("8".into(), "4".into())
    );
    north.wait_nothing_at_risk().await;
    let sold: Vec<String> = market.sales().await.into_iter().map(|sold| sold.id).collect();
    assert_eq!(sold, [id]);
}

#[tokio::test]
async fn quantities_are_changed_and_a_basket_survives_a_reload() {
    let market = Market::open().await;
    let Some((north, browser)) = counter(&market).await else { return };
    touch(&browser, "tea").await;
    touch(&browser, "cake").await;
    browser.click("[aria-label='More Tea']").await;
    browser.click("[aria-label='Less Cake']").await;
    browser.fill("[aria-label='Quantity of Tea']", "2.5\n").await;
    assert_eq!(browser.text("#due").await, "2.50");
    browser.reload().await;
    browser.wait_text("#lines", "Tea").await;
    assert_eq!((browser.count("#lines li").await, browser.text("#due").await), (1, "2.50".into()));
    browser.click(".pick label:nth-child(2)").await;
    assert!(!browser.is_shown("#cash").await);
    browser.click("#pay").await;
    browser.wait_text("#sold", "Card").await;
    let total = north.total().await;
    assert_eq!((&total["amount"], &total["quantity"]), (&json!(250), &json!(2_500)));
}

/// Sends the basket as its form would, and loses the answer.
const SEND: &str = "
    fill();
    const body = new URLSearchParams(new FormData(get('payment')));
    return fetch('/sell', { method: 'POST', body }).then((answer) => answer.url)";

#[tokio::test]
async fn a_basket_that_is_sent_twice_is_sold_once_and_says_so() {
    let market = Market::open().await;
    let Some((north, browser)) = counter(&market).await else { return };
    touch(&browser, "tea").await;
    // Two touches before the first answer is here.
    browser.run("get('pay').click(); get('pay').click();").await;
    browser.wait_for("#sold").await;
    assert_eq!(baskets(&north).await, 1);
    let id = browser.text("#sale-id").await;
    browser.reload().await;
    assert_eq!(browser.text("#sale-id").await, id);

    // A repeat after a lost answer: the tab has kept the basket.
    browser.visit(&north, "/").await;
    touch(&browser, "cake").await;
    let sent = browser.run(SEND).await;
    assert_eq!(baskets(&north).await, 2, "{sent}");
    browser.click("#pay").await;
    browser.wait_text("#again", "was sold once").await;
    assert_eq!(browser.url().await, format!("{}?again=1", sent.as_str().unwrap()));
    browser.picture("node-again.png").await;

    // And one that was changed meanwhile.
    browser.visit(&north, "/").await;
    touch(&browser, "tea").await;
    browser.run(SEND).await;
    touch(&browser, "tea").await;
    browser.click("#pay").await;
    browser.wait_text("[data-sold]", "was not sold a second time").await;
    browser.click("[data-sold] a").await;
    browser.wait_text("#empty", "Empty").await;
    assert_eq!(baskets(&north).await, 3);
}

#[tokio::test]
async fn the_counter_charges_the_bundle_in_force_and_names_it_also_across_a_switch() {
    let market = Market::open().await;
    let first = publish(&market, 130, now_ms()).await;
    let Some((north, browser)) = counter(&market).await else { return };
    wait_in_force(&north, &first).await;
    browser.reload().await;
    browser.wait_for("#items button[data-sku=tea][data-price='130']").await;
    touch(&browser, "tea").await;
    let second = publish(&market, 175, now_ms()).await;
    browser.wait_for("#items button[data-sku=tea][data-price='175']").await;
    assert_eq!(browser.text("#due").await, "1.30", "what was rung up keeps its price");
    touch(&browser, "tea").await;
    assert_eq!(browser.text("#due").await, "3.05");
    browser.click("#pay").await;
    browser.wait_text("#sold", "Sold").await;

    let sold = north.till().get("/v1/events?kind=sale-completed").await;
    let sale = &sold["events"][0]["body"];
    assert_eq!(sale["price_bundle"], first, "{sold:#}");
    assert_eq!(sale["line_bundles"], json!([[1, second]]), "{sold:#}");
    let stale = north.till().get("/v1/prices/stale").await;
    assert_eq!(stale["total"]["lines"], 1, "the till's clock is now: {stale:#}");
}

#[tokio::test]
async fn a_changed_basket_has_another_time_and_one_that_was_sent_keeps_its_key() {
    let market = Market::open().await;
    let Some((north, browser)) = counter(&market).await else { return };
    let basket = async || {
        let [key, at] = ["key", "sold_at"].map(|field| format!("return basket.{field}"));
        (browser.run(&key).await, browser.run(&at).await)
    };
    let empty = async || {
        browser.fill("[aria-label='Quantity of Tea']", "0\n").await;
        browser.wait_text("#empty", "Empty").await;
    };
    touch(&browser, "tea").await;
    let (first, _) = basket().await;
    empty().await;
    touch(&browser, "tea").await;
    let (second, _) = basket().await;
    assert_ne!(second, first, "emptied before it was sent, it is another customer's");

    browser.run("fill()").await;
    assert!(basket().await.1.is_string());
    touch(&browser, "tea").await;
    assert_eq!(basket().await, (second, Value::Null));

    // It was taken, the answer was lost, and the cashier begins it anew by hand.
    browser.run(SEND).await;
    empty().await;
    touch(&browser, "tea").await;
    browser.click("#pay").await;
    browser.wait_text("[data-sold]", "was not sold a second time").await;
    assert_eq!(baskets(&north).await, 1);
}

#[tokio::test]
async fn what_is_at_risk_shows_while_the_link_is_down_and_goes_when_it_heals() {
    let market = Market::open().await;
    let Some((north, browser)) = counter(&market).await else { return };
    browser.wait_text("#risk.good", "Nothing at risk").await;
    browser.wait_text("#risk", "Link up").await;
    north.link_down().await;
    browser.wait_text("#risk", "Link off (drill)").await;
    touch(&browser, "cake").await;
    browser.click("#pay").await;
    browser.click("#next").await;
    browser.wait_text("#risk.warn", "At risk now: 2.50 USD in 1 event").await;
    browser.must_fit("the counter at risk").await;
    browser.picture("node-at-risk.png").await;

    browser.run("window.same = true").await;
    north.link_up().await;
    browser.wait_text("#risk.good", "Nothing at risk").await;
    assert_eq!(browser.run("return window.same").await, true, "the page was loaded anew");
}

#[tokio::test]
async fn a_page_whose_node_is_gone_says_that_it_may_be_out_of_date() {
    let market = Market::open().await;
    let Some((mut north, browser)) = counter(&market).await else { return };
    assert!(!browser.is_shown("#stale").await);
    north.kill();
    browser.wait_text("#stale", "may be out of date").await;
}

#[tokio::test]
async fn a_name_that_is_a_script_shows_as_text_on_both_pages() {
    let market = Market::open().await;
    let name = "<script>document.title = 'taken'</script><img src=x onerror=document.title='t'>";
    let sku = "\"><b onclick=x>";
    let items = json!({ "items": [{ "sku": sku, "name": name, "price": 100 }] });
    market.control.api().post("/v1/catalogue/items", &items).await;
    let Some((north, browser)) = counter(&market).await else { return };
    let button = "#items button:first-child";
    browser.wait_text(button, "<script>document.title").await;
    browser.click(button).await;
    browser.wait_text("#lines", "<script>document.title").await;
    browser.click("#pay").await;
    browser.wait_text("#sold", sku).await;
    browser.click("#next").await;
    browser.wait_text("#stock", "<img src=x").await;
    assert_eq!(browser.count("main img, main script, main b").await, 0);
    assert_eq!(browser.run("return document.title").await, "north - Tentpole");

    north.wait_nothing_at_risk().await;
    browser.log_in(&market.control, &market.control.operator_token()).await;
    browser.wait_text("#catalogue", "<script>document.title").await;
    assert_eq!(browser.count("main img, main script, main b").await, 0);
    assert_eq!(browser.run("return document.title").await, "fair - Tentpole");
}

#[tokio::test]
async fn nobody_without_a_token_sees_or_sells_anything() {
    let market = Market::open().await;
    let Some((north, browser)) = counter(&market).await else { return };
    let key = browser.run("return document.cookie").await;
    assert_eq!(key, "", "a script can read the session");
    browser.click("form[action='/logout'] button").await;
    browser.wait_for("#token").await;
    browser.picture("login.png").await;
    browser.must_fit("the log-in").await;
    browser.visit(&north, "/").await;
    browser.fill("#token", "0123456789abcdef").await;
    browser.click("form[action='/login'] button").await;
    browser.wait_text("[role=alert].alarm:not([hidden])", "not known here").await;
    browser.visit(&north, "/stock").await;
    browser.wait_for("#token").await;

    // Nor does a request that no browser would send from our page.
    let door = north.door();
    for path in ["/sell", "/logout", "/login"] {
        let foreign = door.request(Method::POST, path).header("origin", "http://evil.example");
        let answer = Api::send(foreign.body("key=1&sale={}&token=x")).await.unwrap();
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
    }
    assert_eq!(baskets(&north).await, 0);
}

#[tokio::test]
async fn the_control_shows_its_stalls_and_what_they_sold() {
    let market = Market::open().await;
    let Some((mut north, browser)) = counter(&market).await else { return };
    north.sell(3).await;
    north.wait_nothing_at_risk().await;
    browser.log_in(&market.control, &market.control.operator_token()).await;
    browser.wait_text("#stalls tr[data-stall=north]", "connected").await;
    browser.wait_text("#stalls tr[data-stall=north]", "equal").await;
    let row = browser.text("#totals tbody tr").await;
    assert!(row.starts_with("north 3 3.06"), "{row}");
    assert!(browser.text("#totals tfoot").await.ends_with("3.06"));
    browser.wait_text("#catalogue", "Cake").await;
    browser.must_fit("the centre").await;
    browser.picture("control.png").await;

    browser.run("window.same = true").await;
    north.sell(1).await;
    browser.wait_text("#totals tfoot", "4.10").await;
    north.kill();
    browser.wait_text("#stalls tr[data-stall=north]", "not connected").await;
    assert_eq!(browser.run("return window.same").await, true, "the page was loaded anew");
}

#[tokio::test]
async fn the_pages_fit_a_tablet_and_a_phone_by_day_and_by_night() {
    let market = Market::open().await;
    let ware = |number: i64| {
        let name = format!("Ware {number:02} of a longer name");
        json!({ "sku": format!("sku-{number:02}"), "name": name, "price": 100 + 37 * number })
    };
    let items: Vec<Value> = (0..80).map(ware).collect();
    market.control.api().post("/v1/catalogue/items", &json!({ "items": items })).await;
    let Some((north, browser)) = counter(&market).await else { return };
    touch(&browser, "cake").await;
    touch(&browser, "sku-03").await;
    for (name, width, height) in [("tablet", 768, 1024), ("wide", 1024, 768), ("phone", 390, 844)] {
        browser.resize(width, height).await;
        browser.must_fit(&format!("the counter on a {name}")).await;
        browser.picture(&format!("node-{name}.png")).await;
    }
    browser.fill("#find", "tea").await;
    browser.wait_text("#items", "Tea").await;
    browser.wait_gone("#items button[data-sku=cake]").await;
    browser.go_dark().await;
    browser.resize(768, 1024).await;
    browser.picture("node-night.png").await;
    north.wait_nothing_at_risk().await;
    browser.log_in(&market.control, &market.control.operator_token()).await;
    browser.must_fit("the centre on a tablet").await;
    browser.picture("control-night.png").await;
    browser.resize(390, 844).await;
    browser.must_fit("the centre on a phone").await;
}

#[tokio::test]
async fn a_finding_shows_on_both_pages_and_goes_when_one_settles_it() {
    let market = Market::open().await;
    let Some((mut north, browser)) = counter(&market).await else { return };
    browser.wait_text("#findings", "The books fit together").await;
    // Its till says that it is 2017.
    north.sell(1).await;
    browser.wait_text("#findings", "A clock is days off").await;
    north.wait_nothing_at_risk().await;
    browser.log_in(&market.control, &market.control.operator_token()).await;
    browser.wait_text("#findings", "A clock is days off").await;
    browser.must_fit("the centre with a finding").await;
    browser.fill("#findings input[name=note]", "the battery was replaced").await;
    browser.picture("control-finding.png").await;
    browser.click("#findings form button").await;
    browser.wait_text("#findings", "The books fit together").await;

    browser.log_in(&north, north.token()).await;
    browser.wait_text("#findings", "The books fit together").await;
    let settled = north.till().get("/v1/findings?state=settled").await;
    assert_eq!(settled["findings"].as_array().map(Vec::len), Some(1), "{settled:#}");
}
