// SPDX-License-Identifier: Apache-2.0
//! Password hashes without salt, or with a salt that many devices share, of passwords that every
//! dictionary begins with. Each row can be computed again with crypt(3); the passwords are those
//! that malware of the Mirai family tries first.

/// The password behind a hash field, if it is one of the table.
pub(crate) fn find_password(field: &str) -> Option<&'static str> {
    TABLE.iter().find(|(hash, _)| *hash == field).map(|(_, password)| *password)
}

const TABLE: &[(&str, &str)] = &[
    ("$1$$qRPK7m23GJusamGpoGLby/", ""),
    ("$1$$oCLuEVgI1iAqOA8pwkzAg1", "root"),
    ("$1$$CoERg7ynjYLsj2j4glJ34.", "admin"),
    ("$1$$HjFU9UGk4tmzjQWcc9rcN1", "admin123"),
    ("$1$$iC.dUsGpxNNJGeOm1dFio/", "1234"),
    ("$1$$yXkNNcgnDf2tcSNL4n8.D1", "1111"),
    ("$1$$4e9eZx73dg2OMyD6DG/Ir/", "12345"),
    ("$1$$MFslYjPWWpXfMUKo3an/I0", "54321"),
    ("$1$$RmyPVMlhpXjJj8iv4w.Ul.", "123456"),
    ("$1$$11hPCl5JEK2hFyBu37SdB/", "888888"),
    ("$1$$M/QW5ZiTttPXc0CfS.azs.", "666666"),
    ("$1$$I2o9Z7NcvQAKp7wyCTlia0", "password"),
    ("$1$$uqbusDeGY2YWqg.T2S1100", "pass"),
    ("$1$$ex9cQFo.PV11eSLXJFZuj.", "user"),
    ("$1$$ysap7EeB9ODCrO46Psdbq/", "guest"),
    ("$1$$FhGD3LCq1ylDeABjXNLbh.", "support"),
    ("$1$$cVmNS3JBcYsfcdsZnqCys0", "default"),
    ("$1$$9rSWmaINP3I0oRPRGR6t31", "system"),
    ("$1$$a6oBEX5LsWSlHXjxcEnB91", "ubnt"),
    ("$1$$es6gYKfBkXJQwyapfXDCB.", "tech"),
    ("$1$$0FlcBn4Z6mihSXZUuqBN2/", "service"),
    ("$1$$9FGfa7H2xhUu7HeVU0CYv.", "supervisor"),
    ("$1$$Au6vCrMjrWTfM.6sItWTz/", "Administrator"),
    ("$1$$KFTDyEl8UgraL4MK2bfq/0", "administrator"),
    ("$1$$qogAno9rkJEaBfi70pUW60", "smcadmin"),
    ("$1$$u1k/C.7N0sETv8rOr0MOX/", "meinsm"),
    ("$1$$KvKh9ZmpYQrsyuhjab84U0", "klv123"),
    ("$1$$09N3WmxDeVTvoi/Ek3yZn0", "klv1234"),
    ("$1$$AZByWNEcTp1X4aZzVijMq1", "Zte521"),
    ("$1$$3hGzfory.4/rSNpT0eQZ00", "hi3518"),
    ("$1$$4QEdg/D7ZwlU9blhVXilB1", "jvbzd"),
    ("$1$$lwPoP5.W3aU64XSZiSab0.", "anko"),
    ("$1$$64lU4r1qa6icjzK/sBmQo.", "zlxx."),
    ("$1$$x25Sx3DwDHOM6frlAKC7V1", "7ujMko0vizxv"),
    ("$1$$4Yoc9IDzAgJv5BSTpqQAY0", "7ujMko0admin"),
    ("$1$$kUldYeDQyVXZ9L7f55INI.", "ikwb"),
    ("$1$$34NPeumc9sBBCAw.oUaM80", "dreambox"),
    ("$1$$m9g7v7tSyWPyjvelclu6D1", "realtek"),
    ("$1$$hQiTVNKLVKcUAWvU.Bcye1", "xc3511"),
    ("$1$$ihhn.wzMga8gi0gDmnmXn.", "vizxv"),
    ("$1$$Tq0vqGpgZ5IEA8LdEOI9F.", "juantech"),
    ("$1$$0DoaCVfJYC3aIEuE3GUJf1", "xmhdipc"),
    ("$1$$MgA9jrl3XSeek8dIjBZEZ/", "00000000"),
    ("$1$$dyhUnMXvxaUqR7HVB7maG.", "1111111"),
    ("$1$$ICYQ3.ksM1b9yEOZQz03V.", "toor"),
    ("$1$$KFGQ08mr1lw3twjczE8bT1", "changeme"),
    ("$1$$wvODcpHGUuhieyzBI.ZPS.", "cat1029"),
    ("$1$$gIf7zDHjD8PpPJYBQtcF91", "alpine"),
    ("$1$$nHGTIlXepqIST0T6J.SLE1", "123qwe"),
    ("$1$$V24nZzLqkpBQDaOW2/xit0", "router"),
    ("absxcfbgXtb3o", "xc3511"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_the_empty_password_without_salt_is_known() {
        assert_eq!(find_password("$1$$qRPK7m23GJusamGpoGLby/"), Some(""));
        assert_eq!(find_password("$1$abcdefgh$qRPK7m23GJusamGpoGLby/"), None);
    }
}
