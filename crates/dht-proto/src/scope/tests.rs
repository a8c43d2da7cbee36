//! Tests of the scopes of addresses.

use super::Scope;

#[track_caller]
fn assert_scope(expected: Option<Scope>, texts: &[&str]) {
    for text in texts {
        assert_eq!(Scope::of(text.parse().unwrap()), expected, "{text}");
    }
}

#[test]
fn addresses_of_this_machine_are_loopback() {
    assert_scope(
        Some(Scope::Loopback),
        &["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"],
    );
}

#[test]
fn private_ranges_end_where_their_rfcs_say() {
    assert_scope(
        Some(Scope::Private),
        &[
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.168.255.255",
            "169.254.0.1",
            "100.64.0.0",
            "100.127.255.255",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "::ffff:10.0.0.1",
        ],
    );
    assert_scope(
        Some(Scope::Public),
        &[
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "fbff::1",
            "fec0::1",
            "2001:470::1",
            "1.1.1.1",
            "223.255.255.255",
        ],
    );
}

#[test]
fn what_no_node_can_have_has_no_scope() {
    assert_scope(
        None,
        &[
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "::",
            "ff02::1",
            "2001:db8::1",
            "::ffff:224.0.0.1",
        ],
    );
}

#[test]
fn a_contact_is_exchanged_only_with_those_in_its_reach() {
    use Scope::{Loopback, Private, Public};
    for (asker, contact, may) in [
        (Loopback, Loopback, true),
        (Loopback, Private, true),
        (Loopback, Public, true),
        (Private, Loopback, false),
        (Private, Private, true),
        (Private, Public, true),
        (Public, Loopback, false),
        (Public, Private, false),
        (Public, Public, true),
    ] {
        assert_eq!(asker.may_exchange(contact), may, "{asker:?} {contact:?}");
    }
}

#[test]
fn without_a_port_no_node_can_be_anywhere() {
    let at = |text: &str| Scope::at(text.parse().unwrap());
    assert_eq!(at("127.0.0.1:1"), Some(Scope::Loopback));
    assert_eq!(at("[2600::1]:65535"), Some(Scope::Public));
    assert_eq!(at("0.0.0.0:1"), None);
    assert_eq!(at("127.0.0.1:0"), None);
    assert_eq!(at("[2600::1]:0"), None);
}
