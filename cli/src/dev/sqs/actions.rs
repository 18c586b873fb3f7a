//! The SQS actions: convert the JSON of a request to a call of the model, and its result to JSON.

use std::sync::Arc;
use std::time::Duration;

use hookrail_fifo::message::{NewMessage, Received};
use hookrail_fifo::millis::Millis;
use hookrail_fifo::queue::{Queue, Receive};
use hookrail_fifo::receipt_handle::ReceiptHandle;
use hookrail_fifo::settings::{RECEIVE_WAIT_S_MAX, VISIBILITY_TIMEOUT_S_MAX};
use hookrail_fifo::{arn, attributes, batch, digest};
use serde::{Deserialize, Serialize};

use super::error::Refused;
use super::{SharedQueues, replies, requests};

const RECEIVE_MESSAGES_MAX: usize = 10;

/// The queues under the URLs of one listener.
#[derive(Clone, Debug)]
pub(super) struct Front {
    pub(super) queues: SharedQueues,
    pub(super) base_url: Arc<str>,
}

impl Front {
    /// Runs one action, and returns its response as JSON.
    pub(super) async fn act(&self, action: &str, body: &[u8]) -> Result<Vec<u8>, Refused> {
        match action {
            "SendMessage" => self.send(parse(body)?).and_then(|reply| render(&reply)),
            "SendMessageBatch" => self.send_batch(parse(body)?),
            "ReceiveMessage" => self.receive(parse(body)?).await,
            "DeleteMessage" => self.by_handle(&parse(body)?, delete),
            "DeleteMessageBatch" => self.batch_by_handle(parse(body)?, delete),
            "ChangeMessageVisibility" => self.by_handle(&parse(body)?, change_visibility),
            "ChangeMessageVisibilityBatch" => self.batch_by_handle(parse(body)?, change_visibility),
            "CreateQueue" => self.create(&parse(body)?),
            "GetQueueUrl" => self.find_url(&parse(body)?),
            "GetQueueAttributes" => self.show_attributes(&parse(body)?),
            "SetQueueAttributes" => self.change_attributes(&parse(body)?),
            "ListQueues" => self.list(&parse(body)?),
            "DeleteQueue" => self.remove(&parse(body)?),
            "PurgeQueue" => self.purge(&parse(body)?),
            _ => Err(Refused::UnknownAction { action: action.to_owned() }),
        }
    }

    fn send(&self, mut send: requests::Send<'_>) -> Result<replies::Sent, Refused> {
        let message = send.message()?;
        self.with_kept(&send.queue_url, |now, queue| send_one(now, queue, message))?
    }

    fn send_batch(&self, request: requests::Batch<'_, requests::Send<'_>>) -> Result<Vec<u8>, Refused> {
        let requests::Batch { queue_url, mut entries } = request;
        batch::check_ids(&entries.iter().map(|entry| &*entry.id).collect::<Vec<_>>())?;
        // An entry that cannot be read fails alone and has no size.
        let messages: Vec<_> = entries.iter_mut().map(requests::Send::message).collect();
        batch::check_size(messages.iter().filter_map(|message| message.as_ref().ok()))?;
        let sent: Vec<_> = self.with_kept(&queue_url, |now, queue| {
            messages.into_iter().map(|message| send_one(now, queue, message?)).collect()
        })?;
        render(&replies::Batch::of(entries.into_iter().map(|entry| entry.id).zip(sent)))
    }

    async fn receive(&self, request: requests::ReceiveMessage<'_>) -> Result<Vec<u8>, Refused> {
        let messages_max = request.max_number_of_messages.unwrap_or(1);
        if !(1..=RECEIVE_MESSAGES_MAX).contains(&messages_max) {
            return Err(Refused::Parameter { parameter: "MaxNumberOfMessages" });
        }
        if request.visibility_timeout.is_some_and(|timeout_s| VISIBILITY_TIMEOUT_S_MAX < timeout_s) {
            return Err(Refused::Parameter { parameter: "VisibilityTimeout" });
        }
        let receive = Receive { messages_max, visibility_timeout_s: request.visibility_timeout };
        let received =
            self.receive_within(queue_name(&request.queue_url), receive, request.wait_time_seconds).await?;
        let system_names = request.message_system_attribute_names.unwrap_or_default();
        let names = request.message_attribute_names.unwrap_or_default();
        let message = |received| replies::Message::new(received, &system_names, &names);
        render(&replies::Messages { messages: received.iter().map(message).collect() })
    }

    /// Receives, and waits up to `wait_s`, or the time that the queue sets, for a first message.
    async fn receive_within(
        &self,
        name: &str,
        receive: Receive,
        wait_s: Option<u32>,
    ) -> Result<Vec<Received>, Refused> {
        if wait_s.is_some_and(|wait_s| RECEIVE_WAIT_S_MAX < wait_s) {
            return Err(Refused::Parameter { parameter: "WaitTimeSeconds" });
        }
        let at_once = self.queues.with(name, |now, queue| {
            (queue.receive(now, receive), wait_s.unwrap_or(queue.settings().receive_wait_s))
        });
        let (received, wait_s) = at_once.ok_or(Refused::NoSuchQueue)?;
        if !received.is_empty() || wait_s == 0 {
            return Ok(received);
        }
        let look = |now, queue: &mut Queue| {
            let received = queue.receive(now, receive);
            (!received.is_empty()).then_some(received)
        };
        let wait = Duration::from_secs(u64::from(wait_s));
        match tokio::time::timeout(wait, self.queues.wait_for(name, look)).await {
            Ok(received) => received.ok_or(Refused::NoSuchQueue),
            Err(_waited_in_vain) => Ok(Vec::new()),
        }
    }

    fn by_handle(&self, request: &requests::ByHandle<'_>, act: ActByHandle) -> Result<Vec<u8>, Refused> {
        self.with(&request.queue_url, |now, queue| act(now, queue, request))??;
        render(&replies::Empty {})
    }

    fn batch_by_handle(
        &self,
        request: requests::Batch<'_, requests::ByHandle<'_>>,
        act: ActByHandle,
    ) -> Result<Vec<u8>, Refused> {
        let requests::Batch { queue_url, entries } = request;
        batch::check_ids(&entries.iter().map(|entry| &*entry.id).collect::<Vec<_>>())?;
        let results: Vec<_> = self.with(&queue_url, |now, queue| {
            entries.iter().map(|entry| act(now, queue, entry).map(|()| replies::Empty {})).collect()
        })?;
        render(&replies::Batch::of(entries.into_iter().map(|entry| entry.id).zip(results)))
    }

    fn create(&self, request: &requests::CreateQueue) -> Result<Vec<u8>, Refused> {
        self.queues.with_all(|now, queues| {
            queues.create(now, &request.queue_name, &request.attributes).map(|_queue| ())
        })??;
        render(&replies::QueueUrl { queue_url: self.url(&request.queue_name) })
    }

    fn find_url(&self, request: &requests::GetQueueUrl<'_>) -> Result<Vec<u8>, Refused> {
        self.queues.with(&request.queue_name, |_, _| ()).ok_or(Refused::NoSuchQueue)?;
        render(&replies::QueueUrl { queue_url: self.url(&request.queue_name) })
    }

    fn show_attributes(&self, request: &requests::GetQueueAttributes<'_>) -> Result<Vec<u8>, Refused> {
        let names = &request.attribute_names;
        let attributes = self.with(&request.queue_url, |now, queue| {
            queue.advance(now);
            attributes::render(queue, &arn::of_queue(queue.name()))
        })?;
        let is_wanted = |name: &String| names.iter().any(|wanted| wanted == "All" || wanted == name);
        let attributes = attributes.into_iter().filter(|(name, _)| is_wanted(name)).collect();
        render(&replies::QueueAttributes { attributes })
    }

    fn change_attributes(&self, request: &requests::SetQueueAttributes<'_>) -> Result<Vec<u8>, Refused> {
        let name = queue_name(&request.queue_url);
        self.queues.with_all(|now, queues| queues.change_attributes(now, name, &request.attributes))??;
        render(&replies::Empty {})
    }

    fn list(&self, request: &requests::ListQueues) -> Result<Vec<u8>, Refused> {
        let prefix = request.queue_name_prefix.as_deref().unwrap_or_default();
        let names: Vec<Arc<str>> = self
            .queues
            .with_all(|_, queues| queues.iter().map(|queue| Arc::clone(queue.name())).collect())?;
        let names = names.iter().filter(|name| name.starts_with(prefix));
        render(&replies::QueueUrls { queue_urls: names.map(|name| self.url(name)).collect() })
    }

    fn remove(&self, request: &requests::OfQueue<'_>) -> Result<Vec<u8>, Refused> {
        self.queues.with_all(|now, queues| queues.remove(now, queue_name(&request.queue_url)))??;
        render(&replies::Empty {})
    }

    fn purge(&self, request: &requests::OfQueue<'_>) -> Result<Vec<u8>, Refused> {
        self.with_kept(&request.queue_url, |now, queue| queue.purge(now))?;
        render(&replies::Empty {})
    }

    fn with<R>(&self, queue_url: &str, f: impl FnOnce(Millis, &mut Queue) -> R) -> Result<R, Refused> {
        self.queues.with(queue_name(queue_url), f).ok_or(Refused::NoSuchQueue)
    }

    fn with_kept<R>(&self, queue_url: &str, f: impl FnOnce(Millis, &mut Queue) -> R) -> Result<R, Refused> {
        self.queues.with_kept(queue_name(queue_url), f)?.ok_or(Refused::NoSuchQueue)
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.base_url, arn::ACCOUNT)
    }
}

/// An action on the one message that a receipt handle names.
type ActByHandle = fn(Millis, &mut Queue, &requests::ByHandle<'_>) -> Result<(), Refused>;

fn delete(now: Millis, queue: &mut Queue, request: &requests::ByHandle<'_>) -> Result<(), Refused> {
    let handle: ReceiptHandle = request.receipt_handle.parse()?;
    Ok(queue.delete(now, handle)?)
}

fn change_visibility(
    now: Millis,
    queue: &mut Queue,
    request: &requests::ByHandle<'_>,
) -> Result<(), Refused> {
    let handle: ReceiptHandle = request.receipt_handle.parse()?;
    let timeout_s =
        request.visibility_timeout.ok_or(Refused::Parameter { parameter: "VisibilityTimeout" })?;
    Ok(queue.change_visibility(now, handle, timeout_s)?)
}

fn send_one(now: Millis, queue: &mut Queue, message: NewMessage) -> Result<replies::Sent, Refused> {
    let md5_of_body = digest::md5_of_body(&message.body);
    let md5_of_attributes = digest::md5_of_attributes(&message.attributes);
    let sent = queue.send(now, message)?;
    let sequence_number = queue.settings().is_fifo().then_some(replies::Text(sent.sequence));
    Ok(replies::Sent { md5_of_body, md5_of_attributes, message_id: sent.id, sequence_number })
}

/// Returns the last part of the URL: the host may be any name of this machine.
fn queue_name(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(_, name)| name)
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(Refused::Shape)
}

fn render(reply: &impl Serialize) -> Result<Vec<u8>, Refused> {
    serde_json::to_vec(reply).map_err(Refused::Shape)
}
