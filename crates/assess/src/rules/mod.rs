// SPDX-License-Identifier: Apache-2.0
//! The registry: one rule, one file.

mod authorized_key_in_image;
mod checksum_mismatch;
mod clear_text_password;
mod clear_text_web_interface;
mod console_without_login;
mod dangerous_call;
mod debug_information;
mod debug_shell_at_boot;
mod empty_password;
mod encrypted_content;
mod end_of_life_component;
mod end_of_life_kernel;
mod everything_runs_as_root;
mod executable_stack;
mod expired_certificate;
mod extra_root_account;
mod ftp_at_boot;
mod insecure_search_path;
mod kernel_debug_interface;
mod kernel_log_readable;
mod kernel_option;
mod kernel_without_stack_protector;
mod known_password;
mod listening;
mod no_mandatory_access_control;
mod no_pie;
mod no_seccomp;
mod no_stack_clash_protection;
mod no_stack_protector;
mod physical_memory_exposed;
mod plain_http_update;
mod predictable_kernel_addresses;
mod prelude;
mod private_key_in_image;
mod remote_management_at_boot;
mod rsh_at_boot;
mod setuid_program;
mod shared_password;
mod shared_tls_identity;
mod snmp_at_boot;
mod stale_component;
mod start_up_from_writable_place;
mod subject;
mod telnet_at_boot;
mod text_relocations;
mod tftp_at_boot;
mod token_in_image;
mod unexplained_content;
mod unfortified;
mod unhardened_setuid_program;
mod unmet_kernel_hardening;
mod unreadable_content;
mod unsigned_modules_allowed;
mod unused_remote_shell;
mod unused_security_module;
mod upnp_at_boot;
mod weak_certificate_signature;
mod weak_key;
mod weak_password_hash;
mod weakening_command_line;
mod world_writable_files;
mod world_writable_program;
mod world_writable_start_up;
mod writable_executable_segment;
mod writable_got;
mod writable_kernel_code;

use crate::rule::Rule;

/// Every rule, by code.
pub static RULES: &[Rule] = &[
    authorized_key_in_image::RULE,
    checksum_mismatch::RULE,
    clear_text_password::RULE,
    clear_text_web_interface::RULE,
    console_without_login::RULE,
    dangerous_call::RULE,
    debug_information::RULE,
    debug_shell_at_boot::RULE,
    empty_password::RULE,
    encrypted_content::RULE,
    end_of_life_component::RULE,
    end_of_life_kernel::RULE,
    everything_runs_as_root::RULE,
    executable_stack::RULE,
    expired_certificate::RULE,
    extra_root_account::RULE,
    ftp_at_boot::RULE,
    insecure_search_path::RULE,
    kernel_debug_interface::RULE,
    kernel_log_readable::RULE,
    kernel_without_stack_protector::RULE,
    known_password::RULE,
    no_mandatory_access_control::RULE,
    no_pie::RULE,
    no_seccomp::RULE,
    no_stack_clash_protection::RULE,
    no_stack_protector::RULE,
    physical_memory_exposed::RULE,
    plain_http_update::RULE,
    predictable_kernel_addresses::RULE,
    private_key_in_image::RULE,
    remote_management_at_boot::RULE,
    rsh_at_boot::RULE,
    setuid_program::RULE,
    shared_password::RULE,
    shared_tls_identity::RULE,
    snmp_at_boot::RULE,
    stale_component::RULE,
    start_up_from_writable_place::RULE,
    telnet_at_boot::RULE,
    text_relocations::RULE,
    tftp_at_boot::RULE,
    token_in_image::RULE,
    unexplained_content::RULE,
    unfortified::RULE,
    unhardened_setuid_program::RULE,
    unmet_kernel_hardening::RULE,
    unreadable_content::RULE,
    unsigned_modules_allowed::RULE,
    unused_remote_shell::RULE,
    unused_security_module::RULE,
    upnp_at_boot::RULE,
    weak_certificate_signature::RULE,
    weak_key::RULE,
    weak_password_hash::RULE,
    weakening_command_line::RULE,
    world_writable_files::RULE,
    world_writable_program::RULE,
    world_writable_start_up::RULE,
    writable_executable_segment::RULE,
    writable_got::RULE,
    writable_kernel_code::RULE,
];
