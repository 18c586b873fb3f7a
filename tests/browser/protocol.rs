//! Chromium's own protocol over a web socket: calls with their results, and events that are kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A connection to a browser.
#[derive(Debug, Clone)]
pub(crate) struct Protocol(Arc<Connection>);

#[derive(Debug)]
struct Connection {
    count: AtomicU64,
    calls: mpsc::UnboundedSender<Message>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    events: Mutex<Vec<Value>>,
}

impl Protocol {
    pub(crate) async fn connect(url: &str) -> Self {
        // Screenshots are results too.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _) = connect_async_with_config(url, Some(config), true).await.unwrap();
        let (mut write, mut read) = socket.split();
        let (calls, mut to_send) = mpsc::unbounded_channel();
        let (count, waiting, events) = (AtomicU64::new(1), Mutex::default(), Mutex::default());
        let connection = Arc::new(Connection { count, calls, waiting, events });
        tokio::spawn(async move {
            while let Some(message) = to_send.recv().await {
                if write.send(message).await.is_err() {
                    break;
                }
            }
        });
        let told = Arc::clone(&connection);
        tokio::spawn(async move {
            while let Some(Ok(message)) = read.next().await {
                let Ok(document) = serde_json::from_slice::<Value>(&message.into_data()) else { continue };
                told.take(document);
            }
        });
        Self(connection)
    }

    /// Calls a method that cannot fail, of a page if its session is named.
    pub(crate) async fn call(&self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        self.try_call(session, method, parameters).await.unwrap()
    }

    /// Calls a method that may fail, for example if the page is left while it runs.
    pub(crate) async fn try_call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, String> {
        let id = self.0.count.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.0.waiting.lock().unwrap().insert(id, answer);
        let mut call = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        self.0.calls.send(Message::text(call.to_string())).unwrap();
        let answer = answered.await.unwrap();
        if answer.get("error").is_some() {
            Err(format!("{method}: {answer}"))
        } else {
            Ok(answer["result"].clone())
        }
    }

    /// Returns the events of this name so far.
    pub(crate) fn events(&self, method: &str) -> Vec<Value> {
        let events = self.0.events.lock().unwrap();
        events.iter().filter(|event| event["method"] == method).map(|event| event["params"].clone()).collect()
    }
}

impl Connection {
    fn take(&self, document: Value) {
        match document["id"].as_u64() {
            None => self.events.lock().unwrap().push(document),
            Some(id) => {
                let waiting = self.waiting.lock().unwrap().remove(&id);
                // The caller no longer waits if a test has failed.
                waiting.map(|waiting| waiting.send(document)).unwrap_or(Ok(())).unwrap_or(());
            }
        }
    }
}
