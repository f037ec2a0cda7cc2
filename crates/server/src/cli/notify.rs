//! `pyrometer notify`: tries receivers of a running server.

use std::process::ExitCode;

use super::ServerArgs;
use super::client::ask;
use super::style::{Style, clean, complain, print};

/// 0 when every way worked, 1 when one did not, 2 when nothing could be tried.
pub(super) fn test(server: &ServerArgs, receiver: &str) -> ExitCode {
    let path = "/api/v1/notifications/test";
    let (data, text) = match ask(&server.server, path, &[("receiver", receiver)]) {
        Ok(answer) => answer,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(2);
        }
    };
    let results = data["results"].as_array().cloned().unwrap_or_default();
    let all_good = results.iter().all(|result| result["ok"] == true);
    if server.json {
        print(&format!("{text}\n"));
    } else {
        let style = Style::of_stdout();
        for result in &results {
            let part = |name: &str| clean(result[name].as_str().unwrap_or_default());
            let mark = if result["ok"] == true {
                style.good("ok")
            } else {
                style.bad("failed")
            };
            print(&format!(
                "{mark} {}: {}\n",
                part("integration"),
                part("answer")
            ));
        }
    }
    ExitCode::from(u8::from(!all_good))
}
