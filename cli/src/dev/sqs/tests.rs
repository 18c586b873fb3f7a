//! Tests of the front over real sockets, and of waiting without polling.

use std::time::{Duration, Instant};

use hookrail_fifo::queue::Receive;
use hookrail_fifo::settings::Settings;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;

/// Long enough for a busy machine; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(10);
const NAME: &str = "q.fifo";

struct Bench {
    queues: SharedQueues,
    url: String,
    client: reqwest::Client,
    served: JoinHandle<std::io::Result<()>>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.served.abort();
    }
}

impl Bench {
    async fn start() -> Self {
        let mut queues = Queues::new(1);
        queues.create_with(clock::now(), NAME, Settings::fifo()).unwrap();
        let queues = SharedQueues::new(queues);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(serve(listener, queues.clone()));
        Self { queues, url, client: reqwest::Client::new(), served }
    }

    fn request(&self, action: &str, body: &Value) -> reqwest::RequestBuilder {
        let target = format!("AmazonSQS.{action}");
        self.client.post(&self.url).header("x-amz-target", target).timeout(PATIENCE).body(body.to_string())
    }

    async fn ask(&self, action: &str, body: Value) -> Value {
        let mut body = body;
        body["QueueUrl"] = json!(format!("{}/000000000000/{NAME}", self.url));
        let reply = self.request(action, &body).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&reply).unwrap()
    }

    async fn send(&self, group: &str, body: &str) -> Value {
        let message = json!({"MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": body});
        self.ask("SendMessage", message).await
    }

    async fn receive(&self, wait_s: u32) -> Vec<Value> {
        let request = json!({"MaxNumberOfMessages": 10, "WaitTimeSeconds": wait_s});
        self.ask("ReceiveMessage", request).await["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// Makes sure that a long poll woken by `cause` returns `expected`, and long before its time.
    async fn wakes(&self, cause: impl Future<Output = ()>, expected: &str) {
        let started = started();
        let poll = self.receive(20);
        let later = async {
            // The poll has begun. It must return the same whether it waits already or not.
            tokio::time::sleep(Duration::from_millis(100)).await;
            cause.await;
        };
        let (received, ()) = tokio::join!(poll, later);
        assert_eq!(received.first().map(|message| message["Body"].clone()), Some(json!(expected)));
        assert!(started.elapsed() < Duration::from_secs(5), "woken only after {:?}", started.elapsed());
    }
}

#[expect(clippy::disallowed_methods, reason = "measures how long a real long poll took")]
fn started() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn a_new_message_wakes_a_long_poll() {
    let bench = Bench::start().await;
    bench.wakes(async { drop(bench.send("a", "a1").await) }, "a1").await;
}

#[tokio::test]
async fn a_freed_group_wakes_a_long_poll() {
    for (action, timeout, expected) in [
        ("ChangeMessageVisibility", Some(0), "a1"),
        ("ChangeMessageVisibility", Some(1), "a1"),
        ("DeleteMessage", None, "a2"),
    ] {
        let bench = Bench::start().await;
        bench.send("a", "a1").await;
        let handle = bench.receive(0).await[0]["ReceiptHandle"].clone();
        bench.send("a", "a2").await;
        let cause = async {
            let mut request = json!({"ReceiptHandle": handle});
            if let Some(timeout) = timeout {
                request["VisibilityTimeout"] = json!(timeout);
            }
            assert_eq!(bench.ask(action, request).await, json!({}));
        };
        bench.wakes(cause, expected).await;
    }
}

#[tokio::test]
async fn an_empty_long_poll_ends_on_time() {
    let bench = Bench::start().await;
    let started = started();
    assert_eq!(bench.receive(1).await, Vec::<Value>::new());
    assert!(Duration::from_millis(900) < started.elapsed());
}

#[tokio::test]
async fn an_in_process_waiter_receives_from_the_same_queue() {
    let bench = Bench::start().await;
    let queues = bench.queues.clone();
    let waiting = tokio::spawn(async move {
        queues.ready(NAME).await;
        queues.with(NAME, |now, queue| queue.receive(now, Receive::up_to(10)).len())
    });
    bench.send("a", "a1").await;
    assert_eq!(tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap(), Some(1));
}

#[tokio::test]
async fn deleting_a_queue_ends_its_waiters() {
    let bench = Bench::start().await;
    let queues = bench.queues.clone();
    let waiting = tokio::spawn(async move { queues.wait_for(NAME, |_, _| None::<()>).await });
    tokio::task::yield_now().await;
    bench.ask("DeleteQueue", json!({})).await;
    assert_eq!(tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap(), None);
    assert_eq!(bench.queues.with(NAME, |_, _| ()), None);
}

/// A waiter that finds nothing, although messages are available, sleeps until the queue changes.
#[tokio::test]
async fn an_unsuccessful_waiter_does_not_spin() {
    let bench = Bench::start().await;
    bench.send("a", "a1").await;
    let looks = std::cell::Cell::new(0);
    let vain = bench.queues.wait_for(NAME, |_, _| {
        looks.set(looks.get() + 1);
        None::<()>
    });
    tokio::time::timeout(Duration::from_millis(200), vain).await.unwrap_err();
    assert_eq!(looks.get(), 1);
}

#[tokio::test]
async fn errors_have_their_json_and_query_names() {
    let bench = Bench::start().await;
    for (action, body, shape, query) in [
        (
            "GetQueueUrl",
            json!({"QueueName": "none"}),
            "com.amazonaws.sqs#QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue;Sender",
        ),
        ("Dance", json!({}), "com.amazon.coral.service#UnknownOperationException", "InvalidAction;Sender"),
        (
            "SendMessage",
            json!([]),
            "com.amazon.coral.service#SerializationException",
            "MalformedInput;Sender",
        ),
    ] {
        let reply = bench.request(action, &body).send().await.unwrap();
        assert_eq!(
            (reply.status().as_u16(), reply.headers()["x-amzn-query-error"].as_bytes()),
            (400, query.as_bytes())
        );
        let problem: Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
        assert_eq!(problem["__type"], shape);
    }
}

#[tokio::test]
async fn rejects_web_pages_of_other_sites() {
    let bench = Bench::start().await;
    for (name, value, expected) in [
        ("origin", "https://evil.example", 403),
        ("host", "evil.example", 403),
        ("origin", "http://localhost:8080", 200),
    ] {
        let reply = bench.request("ListQueues", &json!({})).header(name, value).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), expected, "{name}: {value}");
    }
}
