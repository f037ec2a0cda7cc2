//! `pyrometer deploy`: tells a running server that a service was changed.

use std::process::ExitCode;

use super::DeployArgs;
use super::client::send_json;
use super::style::{Style, clean, complain, print};

/// 0 when the server took it, 2 when it did not.
pub(super) fn run(args: &DeployArgs) -> ExitCode {
    let mut change = serde_json::json!({ "service": args.service });
    let optional = [
        ("version", &args.version),
        ("title", &args.title),
        ("link", &args.link),
        ("time", &args.time),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            change[name] = value.as_str().into();
        }
    }
    match send_json(&args.server, "/api/v1/changes", &change.to_string()) {
        Ok(_) => {
            let told = Style::of_stdout().good("told");
            print(&format!("{told} {}\n", clean(&args.service)));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&clean(&error.to_string()));
            ExitCode::from(2)
        }
    }
}
