// SPDX-License-Identifier: Apache-2.0
//! Boots of trees in the manner of real devices.

use kakoi_model::{StartCertainty, StartMechanism, StartUp};

use super::find_start_ups;
use crate::Sketch;

const ELF: &[u8] = b"\x7fELF\x01\x01\x01 program";
const BUSYBOX: &[u8] = b"\x7fELF BusyBox v1.19.4 multi-call binary";

/// BusyBox with links for these applets.
fn busybox(applets: &[&str]) -> Sketch {
    let tree =
        Sketch::new().file("/bin/busybox", 0o755, BUSYBOX).link("/sbin/init", "../bin/busybox");
    applets.iter().fold(tree, |tree, applet| tree.link(applet, "/bin/busybox"))
}

fn boot(tree: &Sketch) -> Vec<StartUp> {
    find_start_ups(&tree.root())
}

/// `certainty mechanism name arguments`, `*` behind services, in order.
fn lines(found: &[StartUp]) -> Vec<String> {
    found
        .iter()
        .map(|start_up| {
            let name = start_up.command.rsplit('/').next().unwrap_or_default();
            let words = [name].into_iter().chain(start_up.arguments.iter().map(String::as_str));
            let words: Vec<&str> = words.collect();
            let mark = if start_up.service { "*" } else { "" };
            let (certainty, mechanism) = (start_up.certainty, start_up.mechanism);
            format!("{certainty:?} {mechanism:?} {}{mark}", words.join(" "))
        })
        .collect()
}

fn of<'f>(found: &'f [StartUp], name: &str) -> &'f StartUp {
    let named = |start_up: &&StartUp| start_up.command.rsplit('/').next() == Some(name);
    found.iter().find(named).unwrap_or_else(|| panic!("{name} is missing in {:#?}", lines(found)))
}

fn has(found: &[StartUp], name: &str) -> bool {
    found.iter().any(|start_up| start_up.command.rsplit('/').next() == Some(name))
}

#[test]
fn a_busybox_camera_boots_over_inittab_and_rcs() {
    let tree = busybox(&["/bin/sh", "/bin/mount", "/sbin/getty", "/usr/sbin/telnetd"])
        .file("/etc/inittab", 0o644, "::sysinit:/etc/init.d/rcS\nttyS1::respawn:/sbin/getty -L ttyS1 115200\n")
        .file(
            "/etc/init.d/rcS",
            0o755,
            "#!/bin/sh\nPATH=/sbin:/bin:/usr/sbin:/usr/bin\nmount -a\n# telnetd\ntelnetd -p 2323 &\n\
             [ -x /usr/bin/ipcam ] && /usr/bin/ipcam -f /etc/cam.conf &\n/usr/bin/absent\n\
             if [ -f /mnt/sd/run.sh ]; then\n  /mnt/sd/run.sh\nfi\n",
        )
        .file("/usr/bin/ipcam", 0o755, ELF);
    let found = boot(&tree);
    assert_eq!(
        lines(&found),
        [
            "Always Kernel init*",
            "Always Inittab rcS",
            "Always RcScript mount -a",
            "Always RcScript telnetd -p 2323*",
            "Always RcScript ipcam -f /etc/cam.conf*",
            "Conditional RcScript run.sh",
            "Always Inittab getty -L ttyS1 115200*",
        ]
    );
    let telnetd = of(&found, "telnetd");
    assert_eq!(telnetd.applet.as_deref(), Some("telnetd"));
    assert_eq!(telnetd.listens, ["tcp:2323"]);
    let chain: Vec<_> = telnetd
        .chain
        .iter()
        .map(|step| {
            let file = step.file.as_ref().map(|place| place.path.to_string());
            (file.unwrap_or_default(), step.line)
        })
        .collect();
    let expected = [("sbin/init", None), ("etc/inittab", Some(1)), ("etc/init.d/rcS", Some(5))];
    assert_eq!(chain, expected.map(|(file, line)| (file.to_owned(), line)));
    assert_eq!(telnetd.chain[2].excerpt.as_deref(), Some("telnetd -p 2323 &"));
}

#[test]
fn a_counting_loop_over_rc_files_is_followed() {
    let tree = busybox(&["/bin/sh", "/bin/insmod"])
        .file("/etc/inittab", 0o644, "::sysinit:/etc/init.d/rcS\n")
        .file(
            "/etc/init.d/rcS",
            0o755,
            "#!/bin/sh\ni=0\nwhile [ \"$i\" != \"64\" ]\ndo\n rc=/etc/init.d/rc$i\n if [ -f \"$rc\" ]; then\n\
             sh $rc\n fi\n i=$(($i+1))\ndone\n",
        )
        .file("/etc/init.d/rc18", 0o755, "configd&\n")
        .file("/etc/init.d/rc63", 0o755, "mode=`flash get MODE`\nif [ \"$mode\" = 1 ]; then pond & fi\n")
        .file("/bin/configd", 0o755, ELF)
        .file("/bin/pond", 0o755, ELF);
    let found = boot(&tree);
    assert_eq!(of(&found, "configd").certainty, StartCertainty::Always);
    assert_eq!(of(&found, "pond").certainty, StartCertainty::Conditional);
}

#[test]
fn sysv_run_levels_start_daemons_as_their_users() {
    let tree = busybox(&["/bin/sh", "/sbin/start-stop-daemon"])
        .file(
            "/etc/inittab",
            0o644,
            "id:5:initdefault:\nsi::sysinit:/etc/init.d/rcS\nl5:5:wait:/etc/init.d/rc 5\nl3:3:wait:/bin/no\n",
        )
        .file(
            "/etc/init.d/rcS",
            0o755,
            "#!/bin/sh\nfor i in /etc/rcS.d/S??*; do\n [ ! -f \"$i\" ] && continue\n $i start\ndone\n",
        )
        .link("/etc/rcS.d/S02udev", "../init.d/udev")
        .file("/etc/init.d/udev", 0o755, "#!/bin/sh\ncase \"$1\" in\nstart) udevd -d ;;\nstop) no ;;\nesac\n")
        .link("/etc/rc5.d/S20mosquitto", "../init.d/mosquitto")
        .link("/etc/rc5.d/K20gone", "../init.d/udev")
        .file(
            "/etc/init.d/mosquitto",
            0o755,
            "#!/bin/sh\nDAEMON=/usr/sbin/mosquitto\nstart() {\n  start-stop-daemon -S -b -c mosq:mosq -x $DAEMON -- -c /etc/m.conf\n}\n\
             case $1 in\n start|restart) start;;\n *) exit 1;;\nesac\n",
        )
        .file("/etc/m.conf", 0o644, "listener 8883\n")
        .file("/sbin/udevd", 0o755, ELF)
        .file("/usr/sbin/mosquitto", 0o755, ELF);
    let found = boot(&tree);
    assert_eq!(of(&found, "udevd").certainty, StartCertainty::Always);
    let mosquitto = of(&found, "mosquitto -c /etc/m.conf".split(' ').next().unwrap_or_default());
    assert!(has(&found, "start-stop-daemon"));
    let daemon = found.iter().find(|known| known.command == "/usr/sbin/mosquitto");
    let daemon = daemon.unwrap_or(mosquitto);
    assert_eq!((daemon.user.as_str(), daemon.service), ("mosq", true));
    assert_eq!(daemon.mechanism, StartMechanism::SysvRunLevel);
    assert_eq!(daemon.listens, ["tcp:8883"]);
    assert!(!has(&found, "no"));
}

fn openwrt() -> Sketch {
    busybox(&["/bin/sh", "/usr/sbin/crond"])
        .file("/sbin/procd", 0o755, ELF)
        .file("/sbin/ubusd", 0o755, ELF)
        .file("/etc/rc.common", 0o755, "#!/bin/sh\n. /lib/functions.sh\n")
        .file("/lib/functions.sh", 0o644, "config_load() { eval `uci`; }\n")
        .file(
            "/etc/inittab",
            0o644,
            "::sysinit:/etc/init.d/rcS S boot\n::askconsole:/bin/ash --login\n",
        )
}

fn procd_init(tree: Sketch) -> Sketch {
    let mut tree = tree;
    tree.files.retain(|file| file.path.to_string() != "sbin/init");
    tree.file("/sbin/init", 0o755, b"\x7fELF /etc/preinit procd ubus")
}

#[test]
fn procd_services_are_started_with_the_configuration_of_the_image() {
    let tree = procd_init(openwrt())
        .link("/etc/rc.d/S50uhttpd", "../init.d/uhttpd")
        .file(
            "/etc/init.d/uhttpd",
            0o755,
            "#!/bin/sh /etc/rc.common\nSTART=50\nUSE_PROCD=1\nBIN=\"/usr/sbin/uhttpd\"\n\
             add() { local http; config_get http \"$1\" listen_http\n procd_open_instance\n\
             procd_set_param command \"$BIN\" -f\n for l in $http; do procd_append_param command -p \"$l\"; done\n\
             procd_set_param user www\n procd_close_instance\n}\n\
             start_service() {\n config_load uhttpd\n config_foreach add uhttpd\n}\n",
        )
        .file("/etc/config/uhttpd", 0o644, "config uhttpd main\n list listen_http 0.0.0.0:8080\n")
        .link("/etc/rc.d/S60off", "../init.d/off")
        .file(
            "/etc/init.d/off",
            0o755,
            "#!/bin/sh /etc/rc.common\nstart() {\n config_load off\n local e\n config_get_bool e main enabled 0\n\
             [ \"$e\" = 1 ] || return 0\n service_start /usr/sbin/offd\n}\n",
        )
        .file("/etc/config/off", 0o644, "config off main\n")
        .link("/etc/rc.d/S70made", "../init.d/made")
        .file(
            "/etc/init.d/made",
            0o755,
            "#!/bin/sh /etc/rc.common\none() { service_start /usr/sbin/maded -i $1; }\n\
             start() { config_load made; config_foreach one made; }\n",
        )
        .file("/usr/sbin/uhttpd", 0o755, ELF)
        .file("/usr/sbin/offd", 0o755, ELF)
        .file("/usr/sbin/maded", 0o755, ELF);
    let found = boot(&tree);
    for name in ["init", "procd", "ubusd"] {
        assert_eq!(of(&found, name).certainty, StartCertainty::Always, "{name}");
    }
    let uhttpd = found.iter().find(|known| known.command == "/usr/sbin/uhttpd").expect("uhttpd");
    assert_eq!(uhttpd.arguments, ["-f", "-p", "0.0.0.0:8080"]);
    assert_eq!((uhttpd.user.as_str(), uhttpd.certainty), ("www", StartCertainty::Always));
    assert_eq!((uhttpd.mechanism, uhttpd.service), (StartMechanism::Procd, true));
    assert_eq!(uhttpd.listens, ["tcp:8080"]);
    assert!(!has(&found, "offd"), "its configuration says that it is off");
    assert_eq!(of(&found, "maded").certainty, StartCertainty::Conditional);
}

#[test]
fn a_service_that_waits_for_the_network_is_conditional() {
    let tree = procd_init(openwrt())
        .link("/etc/rc.d/S19dnsmasq", "../init.d/dnsmasq")
        .file(
            "/etc/init.d/dnsmasq",
            0o755,
            "#!/bin/sh /etc/rc.common\nUSE_PROCD=1\nboot() { BOOT=1; start \"$@\"; }\n\
             start_service() { [ -n \"$BOOT\" ] && return; procd_add_instance /usr/sbin/dnsmasq -k; }\n\
             reload_service() { rc_procd start_service \"$@\"; }\n\
             service_triggers() { procd_add_raw_trigger \"interface.*\" 2000 /etc/init.d/dnsmasq reload; }\n",
        )
        .file("/usr/sbin/dnsmasq", 0o755, ELF);
    let found = boot(&tree);
    let dnsmasq = found.iter().find(|known| known.command == "/usr/sbin/dnsmasq").expect("dnsmasq");
    assert_eq!(dnsmasq.certainty, StartCertainty::Conditional);
}

#[test]
fn systemd_units_are_followed_from_the_default_target() {
    let unit = "/lib/systemd/system";
    let tree = Sketch::new()
        .link("/sbin/init", "/lib/systemd/systemd")
        .file("/lib/systemd/systemd", 0o755, ELF)
        .link(&format!("{unit}/default.target"), "multi-user.target")
        .file(&format!("{unit}/multi-user.target"), 0o644, "[Unit]\nRequires=basic.target\n")
        .file(&format!("{unit}/basic.target"), 0o644, "[Unit]\n")
        .link("/etc/systemd/system/multi-user.target.wants/web.service", "/lib/systemd/system/web.service")
        .file(
            &format!("{unit}/web.service"),
            0o644,
            "[Service]\nUser=www-data\nEnvironment=\"OPTS=-p 81\"\nExecStartPre=-/bin/prepare \\\n  --all\n\
             ExecStart=/usr/sbin/webd $OPTS ${MISSING}\n",
        )
        .link("/etc/systemd/system/multi-user.target.wants/tty@ttyS0.service", "/lib/systemd/system/tty@.service")
        .file(&format!("{unit}/tty@.service"), 0o644, "[Service]\nExecStart=-/sbin/agetty -o '-p -- \\\\u' %I vt220\n")
        .link("/etc/systemd/system/multi-user.target.wants/ssh.socket", "/lib/systemd/system/ssh.socket")
        .file(&format!("{unit}/ssh.socket"), 0o644, "[Socket]\nListenStream=0.0.0.0:2222\nAccept=yes\n")
        .file(&format!("{unit}/ssh@.service"), 0o644, "[Service]\nExecStart=/usr/sbin/sshd -i\n")
        .link("/etc/systemd/system/multi-user.target.wants/no.service", "/lib/systemd/system/no.service")
        .file(&format!("{unit}/no.service"), 0o644, "[Unit]\nConditionFileIsExecutable=/usr/sbin/gone\n[Service]\nExecStart=/usr/sbin/webd no\n")
        .link("/etc/systemd/system/multi-user.target.wants/masked.service", "/lib/systemd/system/masked.service")
        .link("/etc/systemd/system/masked.service", "/dev/null")
        .file(&format!("{unit}/masked.service"), 0o644, "[Service]\nExecStart=/usr/sbin/webd masked\n")
        .file("/usr/sbin/webd", 0o755, ELF)
        .file("/usr/sbin/sshd", 0o755, ELF)
        .file("/sbin/agetty", 0o755, ELF)
        .file("/bin/prepare", 0o755, ELF);
    let found = boot(&tree);
    let webd = of(&found, "webd");
    assert_eq!((webd.user.as_str(), webd.service), ("www-data", true));
    assert_eq!(found.iter().filter(|known| known.command == "/usr/sbin/webd").count(), 1);
    assert_eq!(of(&found, "prepare").arguments, ["--all"]);
    assert_eq!(of(&found, "agetty").arguments.last().map(String::as_str), Some("vt220"));
    assert!(of(&found, "agetty").arguments.contains(&"ttyS0".to_owned()));
    let sshd = of(&found, "sshd");
    assert_eq!(
        (sshd.certainty, &sshd.listens[..]),
        (StartCertainty::Conditional, &["tcp:2222".to_owned()][..])
    );
}

#[test]
fn inetd_services_start_on_connection() {
    let tree = busybox(&["/bin/sh"])
        .file("/etc/inittab", 0o644, "::respawn:/bin/inetd\n")
        .file("/etc/inetd.conf", 0o644, "#ftp x\ntelnet stream tcp nowait root /bin/telnetd telnetd -l /bin/sh\ntftp dgram udp wait nobody /bin/tftpd\n")
        .file("/bin/inetd", 0o755, ELF)
        .file("/bin/telnetd", 0o755, ELF)
        .file("/bin/tftpd", 0o755, ELF);
    let found = boot(&tree);
    let telnetd = of(&found, "telnetd");
    assert_eq!(telnetd.mechanism, StartMechanism::Inetd);
    assert_eq!(telnetd.arguments, ["-l", "/bin/sh"]);
    assert_eq!(telnetd.listens, ["tcp:23"]);
    assert_eq!(of(&found, "tftpd").user, "nobody");
}

#[test]
fn what_a_vendor_program_names_is_possible_with_the_string_as_evidence() {
    let httpd = b"\x7fELF\0system\0/usr/sbin/dropbear -p 2222 &\0killall hostapd\0Login failed\0/etc/ath/up.sh %s\0";
    let tree = busybox(&["/bin/sh", "/usr/bin/killall"])
        .file("/etc/inittab", 0o644, "::sysinit:/etc/rc.d/rcS\n")
        .file("/etc/rc.d/rcS", 0o755, "#!/bin/sh\n/usr/bin/httpd &\n")
        .file("/usr/bin/httpd", 0o755, httpd)
        .file("/usr/sbin/dropbear", 0o755, ELF)
        .file("/sbin/hostapd", 0o755, ELF)
        .file("/etc/ath/up.sh", 0o755, "#!/bin/sh\nwatcher\n")
        .file("/sbin/watcher", 0o755, ELF);
    let found = boot(&tree);
    let dropbear = of(&found, "dropbear");
    assert_eq!(dropbear.certainty, StartCertainty::Possible);
    assert_eq!((dropbear.mechanism, dropbear.service), (StartMechanism::Program, true));
    assert_eq!(dropbear.listens, ["tcp:2222"]);
    let last = dropbear.chain.last().expect("a chain");
    assert_eq!(last.offset, Some(12));
    assert_eq!(of(&found, "watcher").certainty, StartCertainty::Possible);
    assert!(!has(&found, "hostapd"), "it is only killed");
}

#[test]
fn an_inittab_that_the_vendor_moved_is_found_in_the_strings_of_init() {
    let tree = Sketch::new()
        .file("/init", 0o755, b"\x7fELF BusyBox v1.12.1\0/etc_ro/inittab\0")
        .file("/etc_ro/inittab", 0o644, "::sysinit:/etc_ro/rcS\n")
        .file("/etc_ro/rcS", 0o755, "#!/bin/sh\nnvram_daemon &\n")
        .file("/bin/nvram_daemon", 0o755, ELF);
    assert_eq!(of(&boot(&tree), "nvram_daemon").certainty, StartCertainty::Always);
}

#[test]
fn hostile_scripts_end() {
    let deep = format!("{}true{}", "( ".repeat(3000), " )".repeat(3000));
    let deep_if = "if true; then ".repeat(2000);
    let tree = busybox(&["/bin/sh"])
        .file("/etc/inittab", 0o644, "::sysinit:/etc/a\n::sysinit:/etc/b\n::sysinit:/etc/c\n::sysinit:/etc/d\n::sysinit:/etc/e\n")
        .file("/etc/a", 0o755, "#!/bin/sh\n/etc/a $1x\n. /etc/a\nf() { f; f & f; }\nf\nwhile true; do x=$x.; done\n")
        .file("/etc/b", 0o755, format!("#!/bin/sh\n{deep}\n{deep_if}\nlast\n"))
        .file("/etc/c", 0o755, "#!/bin/sh\nx=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nfor i in 1 2 3 4 5 6 7 8 9; do x=$x$x$x$x$x$x$x$x; done\nfor a in $x; do for b in 1 2 3; do eval \"$x\"; done; done\n")
        .file("/etc/d", 0o755, "#!/bin/sh\necho ${x:-${y:-${z:-`echo \\`echo $(( ((((1\n")
        .file("/etc/e", 0o755, "#!/bin/sh\nlast\n")
        .file("/bin/last", 0o755, ELF);
    let started = std::time::Instant::now();
    let found = boot(&tree);
    assert!(has(&found, "last"), "one script must not starve another");
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn a_variable_of_two_values_starts_both_programs_perhaps() {
    let tree = busybox(&["/bin/sh"])
        .file(
            "/etc/init.d/rcS",
            0o755,
            "#!/bin/sh\nDIR=/one\nif [ -f /tmp/flag ]; then DIR=/two; fi\n$DIR/watch-dog -d &\n\
             if read line; then X=$line; else X=/one/other; fi\n$X/never\n",
        )
        .file("/one/watch-dog", 0o755, ELF)
        .file("/two/watch-dog", 0o755, "\x7fELF another")
        .file("/one/never", 0o755, ELF);
    let found = boot(&tree);
    let places: Vec<String> = found
        .iter()
        .filter(|start_up| start_up.command.ends_with("/watch-dog"))
        .map(|start_up| start_up.program.as_ref().unwrap().path.absolute())
        .collect();
    assert_eq!(places, ["/one/watch-dog", "/two/watch-dog"]);
    assert_eq!(of(&found, "watch-dog").certainty, StartCertainty::Conditional);
    assert!(!has(&found, "never"), "one of its values could be anything");
}

#[test]
fn an_init_of_the_vendor_is_believed_only_what_it_names() {
    let with = |init: &[u8]| {
        let tree = Sketch::new()
            .file("/sbin/rc", 0o755, init)
            .link("/sbin/init", "rc")
            .link("/sbin/watchdog", "rc")
            .file("/bin/sh", 0o755, BUSYBOX)
            .file("/usr/sbin/httpd", 0o755, ELF)
            .file("/etc/init.d/rcS", 0o755, "#!/bin/sh\n/usr/sbin/logger\n")
            .file("/usr/sbin/logger", 0o755, "\x7fELF logger");
        boot(&tree)
    };
    let silent = with(b"\x7fELF\0_eval\0httpd\0watchdog\0");
    assert_eq!(of(&silent, "logger").certainty, StartCertainty::Possible);
    let httpd = of(&silent, "httpd");
    assert_eq!(httpd.certainty, StartCertainty::Possible);
    assert_eq!(httpd.mechanism, StartMechanism::Program);
    let naming = with(b"\x7fELF\0system\0/etc/init.d/rcS\0");
    assert_eq!(of(&naming, "logger").certainty, StartCertainty::Conditional);
}
