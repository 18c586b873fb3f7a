//! Lists of webhooks: which they show, and how they go on.

use hookrail_api::NAMED_PATH;
use serde_json::{Value, json};

use super::{kapp, made};
use crate::world::{Call, World};

#[tokio::test]
async fn a_space_lists_its_own_or_all_webhooks_with_their_scope() {
    let world = World::new().await;
    let (mine, other) = (kapp("services"), kapp("catalog"));
    for (place, name) in
        [(NAMED_PATH, "Same"), (&mine, "Same"), (&mine, "A"), (&other, "Z"), (NAMED_PATH, "B")]
    {
        made(&world, place, name).await;
    }
    let listed = async |path: &str| -> Vec<String> {
        let list = world.send(Call::get(path)).await.json();
        let told = |webhook: &Value| {
            let text = |field: &str| webhook[field].as_str().unwrap().to_owned();
            format!("{} {} {}", text("scopeType"), text("scopeId"), text("name"))
        };
        list["webhooks"].as_array().unwrap().iter().map(told).collect()
    };
    let own = ["Space acme B", "Space acme Same"];
    assert_eq!(listed(NAMED_PATH).await, own);
    assert_eq!(listed(&format!("{NAMED_PATH}?all=false")).await, own);
    let all = format!("{NAMED_PATH}?all=true");
    assert_eq!(
        listed(&all).await,
        [&own[..], &["Kapp catalog Z", "Kapp services A", "Kapp services Same"]].concat()
    );
    // Behind the one of the token, whichever kapp has others of its name.
    assert_eq!(listed(&format!("{all}&pageToken=services/A")).await, ["Kapp services Same"]);
    assert_eq!(listed(&mine).await, ["Kapp services A", "Kapp services Same"]);
    world.send(Call::get(&format!("{mine}?all=true"))).await.errs(400, "all ");
    for nonsense in ["all=yes", "all=true&all=true"] {
        world.send(Call::get(&format!("{NAMED_PATH}?{nonsense}"))).await.errs(400, "all ");
    }
}

#[tokio::test]
async fn an_oversized_list_continues_after_its_last_webhook() {
    let world = World::new().await;
    let filter = format!("true || '{}'", "é".repeat(1_900));
    for number in 0..900 {
        let body = json!({"name": format!("{number:04}"), "type": "Form", "event": "Created", "filter": filter,
            "url": "https://a.io/"});
        assert_eq!(world.send(Call::post(NAMED_PATH, body.to_string())).await.status, 200);
    }
    let (mut seen, mut path) = (Vec::new(), NAMED_PATH.to_owned());
    let mut pages = 0;
    loop {
        let answer = world.send(Call::get(&path)).await;
        assert!(answer.body.len() < 3_000_000);
        pages += 1;
        let list = answer.json();
        let webhooks = list["webhooks"].as_array().unwrap();
        seen.extend(webhooks.iter().map(|webhook| webhook["name"].as_str().unwrap().to_owned()));
        let Some(token) = list["nextPageToken"].as_str() else { break };
        path = format!("{NAMED_PATH}?pageToken={token}");
    }
    let all: Vec<_> = (0..900).map(|number| format!("{number:04}")).collect();
    assert_eq!((pages, seen), (2, all));
}
