// SPDX-License-Identifier: Apache-2.0
//! The numbers of abi/kakoi.h. `tests/layout.rs` compares each with the header, on every
//! architecture that there is a compiler for.

/// Every constant of the header that Rust uses, by its name there.
macro_rules! layout {
    ($($name:ident = $value:expr;)+) => {
        $(#[doc = concat!("`KK_", stringify!($name), "`")] pub const $name: usize = $value;)+
        /// Name in the header and value, for the test.
        pub const LAYOUT: &[(&str, usize)] = &[$((concat!("KK_", stringify!($name)), $name),)+];
    };
}

layout! {
    MAGIC = 0x424b_4b81;
    VERSION = 2;
    BLOB_MAX = 1 << 20;
    DOMAINS = 64;
    CONTROLS = 18;
    LABELS = 512;
    NETS = 128;
    PATH_MAX = 1024;
    NONE = 0xffff;
    PF_AUDIT = 1;
    H_MAGIC = 0;
    H_VERSION = 4;
    H_FLAGS = 6;
    H_SIZE = 8;
    H_CRC = 12;
    H_DOMAINS = 16;
    H_N_DOMAINS = 20;
    H_N_CLASSES = 22;
    H_CLASSES = 24;
    H_STATES = 28;
    H_N_STATES = 32;
    H_EDGES = 36;
    H_N_EDGES = 40;
    H_START_PATH = 44;
    H_START_NAME = 46;
    H_NETS = 48;
    H_N_NETS = 52;
    H_N_FILTERS = 54;
    H_FILTERS = 56;
    H_EVERYONE = 60;
    H_UNKNOWN = 68;
    H_STICKY = 76;
    H_TAINTING = 84;
    H_OVERRIDE = 92;
    H_OVERRIDE_CONTROLS = 100;
    H_EVERYONE_OPS = 104;
    H_DIGEST = 108;
    H_AUTHORITY = 124;
    HEADER = 128;
    AUTHORITY = 8;
    KEYS = 16;
    KEY = 32;
    D_NAME = 0;
    D_FLAGS = 32;
    D_PARENTS = 36;
    D_REPLACES = 44;
    D_ENTER = 52;
    D_DAEMONS = 54;
    D_REMOTE = 56;
    D_PROTECT = 60;
    D_CAPS = 64;
    D_FAMILIES = 72;
    D_RULES = 80;
    DOMAIN = 80 + CONTROLS * RULE;
    DF_BY_PARENT = 1;
    DF_EVERYONE = 2;
    R_ACTION = 0;
    R_FLAGS = 1;
    R_ERRNO = 2;
    R_TRUST = 3;
    R_ID = 4;
    R_EXCEPT = 6;
    R_ONLY = 8;
    R_TRUSTED = 10;
    RULE = 16;
    RF_AUDIT = 1;
    RF_DIRECTORIES = 2;
    K_PROGRAM = 0;
    K_PROTECT = 2;
    K_LABELS = 4;
    CLASS = 4 + LABELS / 8;
    S_BASE = 0;
    S_DEFAULT = 4;
    S_CLASS = 6;
    STATE = 8;
    EDGE = 4;
    N_DOMAIN = 0;
    N_OPS = 1;
    N_PROTOCOL = 2;
    N_FAMILY = 3;
    N_LOW = 4;
    N_HIGH = 6;
    N_PREFIX = 8;
    N_ADDRESS = 12;
    NET = 28;
    FILTER = 16;
    FILTER_INSNS = 4096;
}
