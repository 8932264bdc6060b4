# SPDX-License-Identifier: Apache-2.0
"""What must hold for the small router: usage: small.py DIRECTORY."""

import json
import pathlib
import sys

out = pathlib.Path(sys.argv[1])
runs = {name: json.loads((out / f"{name}.json").read_text()) for name in ("none", "kakoi-module", "kakoi-bpf")}
wrong = []


def must(what, holds):
    if not holds:
        wrong.append(what)


def alive(run):
    return {service["name"] for service in run["life"]["services"] if service["state"]["state"] == "alive"}


free, guarded = runs["none"], runs["kakoi-module"]
served = {f"busybox:{applet}" for applet in ("httpd", "crond", "syslogd", "telnetd")}
must(f"services live without protection: {alive(free)}", served <= alive(free))
must(f"the same services live under protection: {alive(guarded)}", alive(free) <= alive(guarded))
ran = {attack["name"] for attack in free["attacks"] if attack["ran"]}
must(f"infections run without protection: {sorted(ran)}", len(ran) >= 5)
taken = {"cgi-injection", "overrun-file", "overrun-memory"}
must(f"a server with holes is taken over without protection: {sorted(ran)}", taken <= ran)
must(f"its own work goes on under protection: {guarded['benign']}", {"benign-cgi"} <= {
    step["name"] for step in guarded["benign"] if not step["code"]})
must("the image reboots when it is asked to", {"reboot"} <= {
    step["name"] for step in guarded["benign"] if not step["code"]})
must("operations are counted", guarded["operations"] > 20)
through = [attack["name"] for attack in guarded["attacks"] if attack["ran"]]
must(f"no infection runs under the module: {through}", not through and len(guarded["attacks"]) == len(free["attacks"]))
silent = [attack["name"] for attack in guarded["attacks"] if not attack["stopped_by"]]
must(f"each was refused by a control: {silent}", not silent)
early = [attack["name"] for attack in guarded["attacks"] if not attack.get("stage")]
must(f"each has the stage where it ended: {early}", not early)
must(f"nothing is refused outside sessions: {guarded['denials']}", not guarded["denials"])
codes = {step["name"]: step["code"] for step in free["benign"]}
broken = [step["name"] for step in guarded["benign"] if step["code"] and codes.get(step["name"]) == 0]
must(f"benign life goes on: {broken}", not broken)
page = next((step for step in guarded["benign"] if step["name"] == "page-0"), None)
must(f"the page is served under protection: {page}", page and "200" in page["said"])
must("why BPF cannot be here is said", "BTF" in (runs["kakoi-bpf"].get("impossible") or ""))
# F-5: domains of applets of one file are apart.
policy = (out / "policy.toml").read_text()
for applet in ("httpd", "crond", "syslogd"):
    must(f"{applet} has a domain of its own", f'enter.exec = "busybox:{applet}"' in policy)
bound = policy.split("[domain.crond]")[1].split("[domain.")[0]
must("what httpd may bind is not crond's", '"tcp:80"' not in bound)
html = (out / "protect.html").read_text()
must("the report names an infection", "wget-loader" in html)

for what in wrong:
    print("does not hold:", what, file=sys.stderr)
print(f"{len(free['attacks'])} infections: {len(ran)} ran without protection, {len(through)} under the module")
sys.exit(bool(wrong))
