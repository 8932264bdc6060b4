// SPDX-License-Identifier: Apache-2.0
//! Remote logins into an isolated system, with every system call tied to the command line that made it
//! (docs/HONEYPOT.md).
//!
//! ```text
//! intruder ─Telnet,SSH─▶ server ──asks──▶ keeper ──copies itself──▶ watcher ─────────▶ cell (namespaces, overlay, seccomp)
//!                        │  ◀── terminal, sinkhole's sockets ──────────────────────────┘   │
//!                        └──◀── events as JSON lines ──────────────────────────────────────┘
//! ```
//!
//! Invariant: nothing that an intruder brings runs outside a cell, and a cell's network leads nowhere.

mod cast;
mod cell;
pub mod config;
mod deliver;
mod ending;
mod error;
mod idle;
mod log;
mod output;
mod persona;
mod record;
mod server;
mod service;
mod session;
mod sinkhole;
mod ssh;
pub mod telnet;
mod trace;

pub use cell::keep;
pub use config::{Config, Recording, Service};
pub use error::Error;
pub use server::{Listening, serve};
