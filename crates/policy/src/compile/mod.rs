// SPDX-License-Identifier: Apache-2.0
//! From a checked policy to `policy.kkb`, the blob that the module and the agent load (abi/kakoi.h).

mod automaton;
mod blob;
pub mod layout;

pub use blob::{CompileError, Filter, compile, compile_with};
