// SPDX-License-Identifier: Apache-2.0
//! What runs at boot: from init over scripts to programs, with the chain as evidence.

use kakoi_model::StartUp;

use crate::Root;

/// Programs that start at boot in one root file system, ordered by the boot.
pub fn find_start_ups(_root: &Root<'_>) -> Vec<StartUp> {
    Vec::new()
}
