//! The catalogue, edited at the centre and at stalls: clashes, seasons, late edits, imports.

use serde_json::{Value, json};

use super::harness::{Market, eventually};

#[tokio::test]
async fn a_price_set_apart_is_a_conflict_everywhere_until_somebody_settles_it() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    north.link_down().await;
    north.wait_connected("control", false).await;
    assert_eq!(north.ask(&["catalogue", "set", "tea", "price=120"]).await["changes"], 1);
    market.control.ask(&["catalogue", "set", "tea", "price=110", "name.de=Tee"]).await;
    assert_eq!(north.api().get("/v1/catalogue/items/tea").await["price"], 120);

    north.link_up().await;
    market.wait_equal_digests(&[&north]).await;
    for daemon in [&market.control, &north] {
        let found = daemon.api().get("/v1/catalogue/conflicts").await;
        let tea = &found["items"][0];
        assert_eq!((&tea["sku"], &tea["conflicts"]["price"]), (&json!("tea"), &json!([110, 120])));
        assert_eq!(tea["names"]["de"], "Tee");
    }
    let words = north.command(&["catalogue", "conflicts"]).await.stdout;
    assert!(words.contains("tea  price: 110 or 120"), "{words}");

    north.ask(&["catalogue", "set", "tea", "price=115"]).await;
    market.wait_equal_digests(&[&north]).await;
    for daemon in [&market.control, &north] {
        assert_eq!(daemon.ask(&["catalogue", "conflicts"]).await["items"], json!([]));
        assert_eq!(daemon.api().get("/v1/catalogue/items/tea").await["price"], 115);
    }
}

#[tokio::test]
async fn an_edit_made_offline_is_late_after_a_new_season_and_can_be_taken_over() {
    let market = Market::open().await;
    let mut north = market.stall("north").await;
    north.link_down().await;
    north.wait_connected("control", false).await;
    north.ask(&["catalogue", "set", "cake", "price=270"]).await;
    let season = market.control.ask(&["season", "spring"]).await;
    assert_eq!(season, json!({ "season": 1, "name": "spring" }));

    north.link_up().await;
    market.wait_equal_digests(&[&north]).await;
    north.stop().await;
    north.start().await;
    market.wait_equal_digests(&[&north]).await;
    let seasons = north.ask(&["catalogue", "seasons"]).await;
    assert_eq!(
        (&seasons["current"], &seasons["seasons"][0]["name"]),
        (&json!(1), &json!("spring"))
    );
    let cake = |items: &Value| {
        items.as_array().unwrap().iter().find(|item| item["sku"] == "cake").unwrap()["price"]
            .clone()
    };
    let now = north.ask(&["catalogue", "list"]).await;
    let past = north.ask(&["catalogue", "list", "--season", "0"]).await;
    assert_eq!((cake(&now["items"]), cake(&past["items"])), (json!(250), json!(270)));
    let late = market.control.api().get("/v1/catalogue/late").await;
    assert_eq!(late["changes"][0]["name"], "north");
    let fields = json!([{ "sku": "cake", "field": "price", "value": 270 }]);
    assert_eq!(late["changes"][0]["fields"], fields);

    assert_eq!(market.control.ask(&["catalogue", "late", "--take"]).await["settled"], 1);
    market.wait_equal_digests(&[&north]).await;
    assert_eq!(north.api().get("/v1/catalogue/items/cake").await["price"], 270);
    assert_eq!(north.ask(&["catalogue", "late"]).await["changes"], json!([]));
    north.sell(1).await;
}

#[tokio::test]
async fn a_file_is_imported_at_a_stall_and_reaches_the_centre() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let file = market.folder().join("items.csv");
    std::fs::write(
        &file,
        "sku,name,name.pt-br,price,gtin,unit,tax,policy\n\
        pen,Pen,Caneta,150,4006381333931,piece,standard,promise\n\
        flour,Flour,,90,,kg,reduced,\n",
    )
    .unwrap();
    let done = north.ask(&["catalogue", "import", file.to_str().unwrap()]).await;
    assert_eq!(done, json!({ "items": 2, "changes": 1 }));
    eventually("the pen is known at the centre", async || {
        market.control.api().try_get("/v1/catalogue/items/pen").await.map(drop)
    })
    .await;
    let pen = market.control.api().get("/v1/catalogue/items/pen").await;
    assert_eq!((&pen["gtin"], &pen["policy"]), (&json!("4006381333931"), &json!("promise")));
    assert_eq!(pen["names"], json!({ "pt-BR": "Caneta" }));
    let listed = north.ask(&["catalogue", "list"]).await;
    let lines: Vec<String> =
        listed["items"].as_array().unwrap().iter().map(Value::to_string).collect();
    let again = market.folder().join("items.jsonl");
    std::fs::write(&again, lines.join("\n")).unwrap();
    let repeated = north.ask(&["catalogue", "import", again.to_str().unwrap()]).await;
    assert_eq!(repeated["changes"], 1, "the policies, which were not set before: {repeated}");
}

#[tokio::test]
async fn what_may_not_be_in_a_catalogue_is_refused_with_its_mend() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let edit = |item: Value| json!({ "items": [item] });
    for (item, words) in [
        (json!({ "sku": "pen", "gtin": "4006381333932" }), "whose last digit checks"),
        (json!({ "sku": "pen", "unit": "bushel" }), "one of piece, kg"),
        (json!({ "sku": "pen", "policy": "hope" }), "custody or promise"),
        (json!({ "sku": "pen", "price": -1 }), "minor units"),
        (json!({ "sku": "pen", "names": { "??": "x" } }), "no language tag"),
        (json!({ "sku": "", "price": 1 }), "is no SKU"),
    ] {
        for daemon in [&*north, &market.control] {
            let answer =
                daemon.api().write("/v1/catalogue/items", "1", &edit(item.clone())).await.unwrap();
            let detail = answer.body["detail"].as_str().unwrap_or_default();
            assert!(answer.status == 400 && detail.contains(words), "{item}: {answer:?}");
        }
    }
    let item = edit(json!({ "sku": "pen", "price": 1 }));
    let till = north.till().write("/v1/catalogue/items", "1", &item).await.unwrap();
    assert_eq!(till.status, 403);
    let nobody = north.door().write("/v1/catalogue/items", "1", &item).await.unwrap();
    assert_eq!(nobody.status, 401);
    let mut elsewhere = item;
    elsewhere["merchant"] = json!("other");
    let elsewhere = north.api().write("/v1/catalogue/items", "1", &elsewhere).await.unwrap();
    assert_eq!(elsewhere.status, 400);
    assert_eq!(north.till().get("/v1/catalogue/items/tea").await["name"], "Tea");
    let changes = north.api().get("/v1/catalogue/changes?state=quarantined").await;
    assert_eq!((&changes["changes"], &changes["next"]), (&json!([]), &Value::Null));
}
