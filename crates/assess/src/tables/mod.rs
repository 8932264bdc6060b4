// SPDX-License-Identifier: Apache-2.0
//! Tables that rules look things up in. Each row carries a date where one matters.

pub(crate) mod component_end;
pub(crate) mod component_release;
pub(crate) mod kernel_series;
pub(crate) mod known_hash;
