// SPDX-License-Identifier: Apache-2.0
//! The name service of glibc: its functions are never called by address alone but looked up by name (`getgrgid_r` of the service
//! `files` is `_nss_files_getgrgid_r`), so one can run only when code that runs refers to the name.
//!
//! Source: glibc, nss/function.def and the table of databases in the manual ("Extending NSS").

use std::collections::BTreeMap;

use crate::function::{Function, Reference};
use crate::object::Object;

use super::Piece;

/// Functions that services may have.
const FUNCTIONS: &[&str] = &[
    "endaliasent",
    "endetherent",
    "endgrent",
    "endhostent",
    "endnetent",
    "endnetgrent",
    "endprotoent",
    "endpwent",
    "endrpcent",
    "endservent",
    "endsgent",
    "endspent",
    "getaliasbyname_r",
    "getaliasent_r",
    "getcanonname_r",
    "getetherent_r",
    "getgrent_r",
    "getgrgid_r",
    "getgrnam_r",
    "gethostbyaddr2_r",
    "gethostbyaddr_r",
    "gethostbyname2_r",
    "gethostbyname3_r",
    "gethostbyname4_r",
    "gethostbyname_r",
    "gethostent_r",
    "gethostton_r",
    "getnetbyaddr_r",
    "getnetbyname_r",
    "getnetent_r",
    "getnetgrent_r",
    "getntohost_r",
    "getprotobyname_r",
    "getprotobynumber_r",
    "getprotoent_r",
    "getpublickey",
    "getpwent_r",
    "getpwnam_r",
    "getpwuid_r",
    "getrpcbyname_r",
    "getrpcbynumber_r",
    "getrpcent_r",
    "getsecretkey",
    "getservbyname_r",
    "getservbyport_r",
    "getservent_r",
    "getsgent_r",
    "getsgnam_r",
    "getspent_r",
    "getspnam_r",
    "initgroups_dyn",
    "netname2user",
    "setaliasent",
    "setetherent",
    "setgrent",
    "sethostent",
    "setnetent",
    "setnetgrent",
    "setprotoent",
    "setpwent",
    "setrpcent",
    "setservent",
    "setsgent",
    "setspent",
];

/// The function that a symbol of a service stands for: `getgrgid_r` of `_nss_files_getgrgid_r`.
pub(crate) fn function_of(symbol: &str) -> Option<&'static str> {
    let rest = symbol.strip_prefix("_nss_")?;
    FUNCTIONS
        .iter()
        .copied()
        .find(|function| rest.strip_suffix(function).is_some_and(|service| service.ends_with('_')))
}

/// Names of such functions among the texts that code or data refers to, by address.
pub(super) fn find_services(
    object: &Object<'_>,
    functions: &[Function],
    pieces: &[Piece],
) -> BTreeMap<u64, String> {
    let code = functions.iter().flat_map(|function| &function.references);
    let data = pieces.iter().flat_map(|piece| &piece.targets);
    code.chain(data)
        .filter_map(|reference| {
            let Reference::Address(address) = *reference else { return None };
            let name = name_at(object, address)?;
            Some((address, name.to_owned()))
        })
        .collect()
}

/// The longest of the names is shorter.
const LONGEST: u64 = 24;

fn name_at(object: &Object<'_>, address: u64) -> Option<&'static str> {
    let first = object.image.number(address, 1)?;
    // Most references are to something else; they are told by the first letter.
    if !object.image.is_constant(address)
        || !matches!(first as u8, b'e' | b'g' | b'i' | b'n' | b's')
    {
        return None;
    }
    let text = object.image.reader(address)?.text(0, LONGEST)?;
    FUNCTIONS.iter().copied().find(|name| name.as_bytes() == text)
}

#[cfg(test)]
mod tests {
    use super::function_of;

    #[test]
    fn symbols_of_services_tell_their_function() {
        assert_eq!(function_of("_nss_files_getgrgid_r"), Some("getgrgid_r"));
        assert_eq!(function_of("_nss_mdns4_minimal_gethostbyname_r"), Some("gethostbyname_r"));
        assert_eq!(function_of("_nss_files_parse_pwent"), None);
        assert_eq!(function_of("getgrgid_r"), None);
    }
}
