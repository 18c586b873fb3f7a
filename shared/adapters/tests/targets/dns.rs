//! A name server on loopback that answers as its script says, and counts the questions.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::CNAME;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

/// The answer to a question.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These records, with a time to live in seconds.
    Records(u32, Vec<Answer>),
    /// That the name does not exist.
    NoSuchName,
    Failure,
    /// No answer at all.
    Silence,
}

/// One record: of the name that was asked for, or of the name that the record before it points to.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Address(IpAddr),
    Alias(String),
}

/// A question: the name without its dot at the end, the kind of record, and the number of earlier questions
/// for it.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) kind: RecordType,
    pub(crate) earlier: usize,
}

/// The server. Ends when dropped.
#[derive(Debug)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Question>>>,
    serving: AbortHandle,
}

impl NameServer {
    pub(crate) async fn start(script: impl Fn(&Question) -> Reply + Send + 'static) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::default();
        let serving = tokio::spawn(serve(socket, Arc::clone(&asked), script)).abort_handle();
        Self { address, asked, serving }
    }

    /// Returns every question so far.
    pub(crate) fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }

    /// Returns the number of questions of this kind about the name so far.
    pub(crate) fn count(&self, name: &str, kind: RecordType) -> usize {
        self.asked().iter().filter(|question| question.name == name && question.kind == kind).count()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    socket: UdpSocket,
    asked: Arc<Mutex<Vec<Question>>>,
    script: impl Fn(&Question) -> Reply + Send,
) {
    let mut counts: HashMap<(String, RecordType), usize> = HashMap::new();
    let mut bytes = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
        let message = Message::from_vec(&bytes[..length]).unwrap();
        let query = message.queries.first().unwrap();
        let absolute = query.name().to_ascii().to_ascii_lowercase();
        let name = absolute.strip_suffix('.').unwrap().to_owned();
        let count = counts.entry((name.clone(), query.query_type())).or_default();
        let question = Question { name, kind: query.query_type(), earlier: *count };
        *count += 1;
        asked.lock().unwrap().push(question.clone());
        if let Some(answer) = render(&message, script(&question)) {
            socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    }
}

fn render(asked: &Message, reply: Reply) -> Option<Message> {
    let query = asked.queries.first().unwrap().clone();
    let mut answer = Message::response(asked.metadata.id, OpCode::Query);
    let mut owner = query.name().clone();
    answer.add_query(query);
    match reply {
        Reply::Silence => return None,
        Reply::Failure => answer.metadata.response_code = ResponseCode::ServFail,
        Reply::NoSuchName => answer.metadata.response_code = ResponseCode::NXDomain,
        Reply::Records(ttl, records) => {
            for record in records {
                let data = match record {
                    Answer::Address(IpAddr::V4(ip)) => RData::A(ip.into()),
                    Answer::Address(IpAddr::V6(ip)) => RData::AAAA(ip.into()),
                    Answer::Alias(alias) => {
                        let alias = Name::from_ascii(format!("{alias}.")).unwrap();
                        answer.add_answer(Record::from_rdata(owner, ttl, RData::CNAME(CNAME(alias.clone()))));
                        owner = alias;
                        continue;
                    }
                };
                answer.add_answer(Record::from_rdata(owner.clone(), ttl, data));
            }
        }
    }
    Some(answer)
}
