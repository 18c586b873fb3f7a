//! Tests of local rules of the command: request targets of the gateway, and functions outside of `hookrail dev`.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::{run, run_fed};
use crate::stack::COMMON;

#[tokio::test]
async fn an_odd_request_target_is_refused_and_never_a_failure_of_the_api() {
    let stack = COMMON.get().await;
    let address = stack.ready.api.strip_prefix("http://").unwrap();
    for (line, status) in [
        ("GET * HTTP/1.1".to_owned(), "400"),
        ("OPTIONS * HTTP/1.1".to_owned(), "400"),
        (format!("CONNECT {address} HTTP/1.1"), "400"),
        ("GET http://evil.example/api/v3/company HTTP/1.1".to_owned(), "400"),
        (format!("GET http://{address}/api/v3/audit HTTP/1.1"), "401"),
        (format!("GET http://{address} HTTP/1.1"), "404"),
        ("GET //evil.example/api/v3/audit HTTP/1.1".to_owned(), "404"),
        ("GET /api/v3/%zz HTTP/1.1".to_owned(), "404"),
        ("GET /api/v3/{}|^`\"<> HTTP/1.1".to_owned(), "40"),
        ("GET /api/v3/\u{e9} HTTP/1.1".to_owned(), "40"),
        ("GET /?\u{e9}=%ff HTTP/1.1".to_owned(), "404"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{line}\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await.unwrap();
        let response = String::from_utf8_lossy(&response);
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {response}");
    }
}

#[test]
fn a_function_does_not_start_without_the_endpoints_of_a_local_stack() {
    let deployed = [
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ];
    let elsewhere = |url: &str| {
        let endpoints =
            ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"].map(|name| (name, url.to_owned()));
        deployed.iter().cloned().chain(endpoints).collect::<Vec<_>>()
    };
    for variables in
        [deployed.to_vec(), elsewhere("https://sqs.us-east-1.amazonaws.com"), elsewhere("http://10.0.0.1")]
    {
        let ended = run_fed(&variables, "function api", "");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.error.contains("runs as part of `hookrail dev` only"), "{ended:?}");
    }
    assert!(run("dev --help").succeeded);
}
