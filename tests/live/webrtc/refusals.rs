//! Faulty servers, and addresses that may not be reached.

use std::{collections::BTreeMap, net::SocketAddr, time::Instant};

use reqwest::Method;
use serde_json::{Value, json};
use str0m::{Candidate, Rtc, change::SdpOffer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::support::{service, until};

/// An answer to `offer` in which we are at `address`.
fn answer(offer: &str, address: &str) -> String {
    let mut rtc = Rtc::builder().build(Instant::now());
    rtc.add_local_candidate(
        Candidate::host("192.0.2.77:9999".parse().expect("an address"), "udp").expect("a candidate"),
    );
    let offer = SdpOffer::from_sdp_string(offer).expect("our offer reads");
    let answer = rtc.sdp_api().accept_offer(offer).expect("it can be answered").to_sdp_string();
    answer.replace("192.0.2.77", address)
}

/// Answers a request as its path says.
async fn serve(mut socket: TcpStream) {
    let mut request = Vec::new();
    // Whole once all of the SDP is there: its length is told.
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                break;
            }
        }
        if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split_whitespace().nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let offer = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let (status, more, body) = match path.as_str() {
        "garbage" => ("201 Created", "", "hello, this is not SDP".to_owned()),
        "empty" => ("201 Created", "", String::new()),
        "nowhere" => {
            let answer = answer(offer, "192.0.2.77");
            (
                "201 Created",
                "",
                answer
                    .lines()
                    .filter(|line| !line.starts_with("a=candidate"))
                    .map(|line| format!("{line}\r\n"))
                    .collect(),
            )
        }
        "inside" => ("201 Created", "", answer(offer, "10.0.0.1")),
        "huge" => ("201 Created", "", "a=x\r\n".repeat(20_000)),
        "moved" => ("307 Temporary Redirect", "Location: http://10.0.0.1/whip\r\n", String::new()),
        "slow" => return tokio::time::sleep(std::time::Duration::from_secs(60)).await,
        "noise" => {
            let _ = socket.write_all(&[0xff; 4096]).await;
            return;
        }
        number => (number, "", "s3cret-token s3cret-stream".to_owned()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}\r\n", body.len());
    // Who has read enough hangs up.
    let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = socket.flush().await;
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest).await;
}

/// A server of bad answers, and where it is.
async fn bad_server() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.expect("accepting on loopback");
            connections.spawn(serve(socket));
        }
    });
    (address, tasks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_answer_is_told_in_a_sentence() {
    let (address, _tasks) = bad_server().await;
    let service = service().await;
    let cases = BTreeMap::from([
        ("garbage", "is not SDP that can be used here"),
        ("empty", "is not SDP that can be used here"),
        ("nowhere", "names no UDP address"),
        ("inside", "--allow-address 10.0.0.1"),
        ("huge", "longer than 64 KiB"),
        ("moved", "sends us elsewhere (HTTP 307)"),
        ("slow", "did not answer the offer within 10 s"),
        ("noise", "did not answer the offer"),
        ("200", "is not SDP that can be used here"),
        ("204", "answered HTTP 204"),
        ("401", "refused the token (HTTP 401)"),
        ("403", "refused the token (HTTP 403)"),
        ("404", "no such stream (HTTP 404)"),
        ("406", "refused the offer (HTTP 406)"),
        ("500", "the server failed (HTTP 500)"),
    ]);
    let participants: serde_json::Map<String, Value> = cases
        .keys()
        .map(|case| {
            let url = format!("http://{address}/{case}");
            (format!("p-{case}"), json!({"source": {"type": "whep", "url": url, "token": "s3cret-token"}}))
        })
        .collect();
    let patch = json!({"participants": participants});
    service.api().patch("/v1/rooms/weekly", &patch).await.expect("they are added");
    let error = |view: &Value, case: &str| -> Option<String> {
        view["status"]["participants"][format!("p-{case}")]["last_error"].as_str().map(str::to_owned)
    };
    let view = until(&service, |view| cases.keys().all(|case| error(view, case).is_some())).await;
    for (case, part) in &cases {
        let error = error(&view, case).expect("there");
        assert!(error.contains(part), "{case}: {error}");
        assert!(!error.contains("s3cret"), "{case}: {error}");
    }
    // Whoever may change the room may read it.
    assert_eq!(view["participants"]["p-401"]["source"]["token"], "s3cret-token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_an_endpoint_is_refused_and_changes_nothing() {
    let service = service().await;
    let before = service.api().get("/v1/rooms/weekly").await.expect("the room")["participants"].clone();
    for (field, source) in [
        ("url", json!({"type": "whep", "url": "http://10.0.0.1/whep"})),
        ("url", json!({"type": "whep", "url": "http://[::ffff:10.0.0.1]/whep"})),
        ("url", json!({"type": "whep", "url": "https://169.254.169.254/latest"})),
        ("url", json!({"type": "whep", "url": "http://0x0a.1/whep"})),
        ("url", json!({"type": "whep", "url": "rtmp://srs/live/x"})),
        ("url", json!({"type": "whep", "url": "http://me:pw@srs/x"})),
        ("token", json!({"type": "whep", "url": "http://srs.example/x", "token": ""})),
        ("token", json!({"type": "whep", "url": "http://srs.example/x", "token": "two words"})),
        ("token", json!({"type": "whep", "url": "http://srs.example/x", "token": "x".repeat(4097)})),
        ("key", json!({"type": "whep", "url": "http://srs.example/x", "key": "x"})),
    ] {
        let body = json!({"source": source});
        let path = "/v1/rooms/weekly/participants/guest";
        let (status, problem) = service.api().send(Method::PUT, path, Some(&body)).await.expect("an answer");
        assert_eq!(status, 422, "{source}: {problem}");
        let pointer = problem["faults"][0]["pointer"].as_str().expect("a pointer");
        assert!(pointer.ends_with(&format!("/source/{field}")), "{source}: {problem}");
        let mut output = source.clone();
        output["type"] = json!("whip");
        let path = "/v1/rooms/weekly/outputs/next";
        let (status, problem) = service.api().send(Method::PUT, path, Some(&output)).await.expect("an answer");
        assert_eq!(status, 422, "{output}: {problem}");
        let pointer = problem["faults"][0]["pointer"].as_str().expect("a pointer");
        assert!(pointer.ends_with(&format!("/{field}")), "{output}: {problem}");
    }
    let view = service.api().get("/v1/rooms/weekly").await.expect("the room");
    assert_eq!(view["participants"], before);
    assert_eq!(view["outputs"], json!({}));
}
