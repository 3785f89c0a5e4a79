#!/bin/bash
# A lab without guests, in namespaces of its own: a tap on the host and an interface in another namespace
# talk over a bridge, VLANs part them, a file records them; apply does only what differs, what was killed
# comes back, and destroy leaves nothing.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch netcfg unshare ip busybox jq curl
if [[ ${1:-} != inside ]]; then
	namespaces=(unshare --user --map-root-user --net --mount)
	"${namespaces[@]}" true 2>/dev/null || skip 'the kernel gives no namespaces to users'
	[[ -w /dev/net/tun ]] || skip '/dev/net/tun is missing'
	exec "${namespaces[@]}" "$0" inside
fi
# What `ip netns add` makes must be seen by nobody else.
mount -t tmpfs none /run
begin
ip link set lo up
ip netns add blue

# lab_file ADDRESS LINK: host0 has this address, its link these settings.
lab_file() {
	cat >"$T/lab.yaml" <<-EOF
		version: 1
		name: host-ports
		nodes: {}
		bridges:
		  br0: {}
		ports:
		  host0: { type: tap, ip: $1 }
		  blue:  { type: veth, dev: v0, netns: blue, peer: eth0, ip: 192.0.2.2/24 }
		  cap:   { type: pcap, tx-file: seen.pcap }
		links:
		  - { endpoints: [host0, br0], mtu: 1500$2 }
		  - { endpoints: [blue, br0], mtu: 1500 }
		  - { endpoints: [cap, br0], mtu: 1500 }
	EOF
}

lab() {
	local verb=$1
	shift
	netcfg "$verb" -f "$T/lab.yaml" "$@"
}

blue_mac() {
	ip netns exec blue ip -j link show eth0 | jq -r '.[0].address'
}

reaches_blue() {
	busybox ping -c 2 -W 1 192.0.2.2
}

# port_runs NAME
port_runs() {
	json "any(.[]; .name == \"$1\" and .state == \"running\")" netcfg -j port show
}

lab_file 192.0.2.1/24 ''
expect 'the file is valid' lab validate
fails_with 'plan sees what is to be done' 3 'tap host0 192.0.2.1/24, br0 trunk all' lab plan --exit-code
lab_up "$T/lab.yaml"
expect 'the tap has its address' eval 'ip -br addr show host0 | grep -q 192.0.2.1/24'
expect 'the peer has its address' eval 'ip netns exec blue ip -br addr show eth0 | grep -q 192.0.2.2/24'
expect 'the host reaches the namespace' within 10 reaches_blue
expect 'and the namespace the host' ip netns exec blue busybox ping -c 2 -W 1 192.0.2.1
expect 'everything is well' within 5 lab status --check
expect 'a cable is pulled' netcfg link blue down
fails_with 'then not' 3 '' lab status --check
expect 'and plugged in again' netcfg link blue up
expect 'everything is well again' within 5 lab status --check
expect 'a second apply has nothing to do' lab plan --exit-code
expect 'every field is in the JSON' json \
	'any(.[]; .name == "blue" and .type == "veth" and .netns == "blue" and .peer == "eth0" and .dev == "v0")' \
	netcfg -j port show

# A file means its own lab, for objects of the switch as well.
expect 'the file leads to its switch' netcfg -f "$T/lab.yaml" port set host0 mtu 1400
expect 'and only there' json 'any(.[]; .name == "host0" and .mtu == 1400)' netcfg -j -f "$T/lab.yaml" port show host0
expect 'where it is put back' netcfg -f "$T/lab.yaml" port set host0 mtu 1500
printf 'version: 1\nname: another\n' >"$T/another.yaml"
fails_with "another lab's file does not lead there" 1 "lab 'another': does not run" \
	netcfg -f "$T/another.yaml" port set host0 mtu 1400
echo 'nme: x' >"$T/wrong.yaml"
fails_with 'nor does one that is wrong' 2 'wrong.yaml:1:' netcfg -f "$T/wrong.yaml" port show
expect 'nothing changed' lab plan --exit-code

# An impairment of a link to a bridge is its port's.
lab_file 192.0.2.1/24 ', delay: 30ms, b-to-a: { loss: 100% }'
fails_with 'an impairment is planned' 3 'live +delay none -> 30ms, b-to-a loss none -> 100%' lab plan --exit-code
expect 'and set' lab apply
refuse 'nothing comes back' reaches_blue
expect 'the link tells why' eval '[[ $(netcfg --no-header --columns IMPAIR link show host0) == "30ms / 30ms 100%" ]]'
expect 'then there is nothing to do' lab plan --exit-code
expect 'somebody sets another by hand' netcfg port set host0 out loss 0 in seed 3
fails_with 'the plan has it' 3 'b-to-a loss none -> 100%, a-to-b seed 3 -> none' lab plan --exit-code
lab_file 192.0.2.1/24 ''
expect 'it goes' lab apply
expect 'then there is nothing to do' lab plan --exit-code
expect 'and frames pass' within 20 reaches_blue

# two_bridges LINK: host0 and blue on a bridge each, and a link of these settings between them.
two_bridges() {
	lab_file 192.0.2.1/24 ''
	sed -i -e 's/^  br0: {}/&\n  br1: {}/' -e 's/\[blue, br0\]/[blue, br1]/' \
		-e "/cap, br0/a\\  - { endpoints: [br0, br1]$1 }" "$T/lab.yaml"
}
two_bridges ''
expect 'two bridges are joined' lab apply
expect 'and frames cross' within 20 reaches_blue
expect 'by ports of their own' json \
	'[.[] | select(.type == "patch") | .name] == ["br0--br1:br0", "br0--br1:br1"]' netcfg -j port show
expect 'then there is nothing to do' lab plan --exit-code
expect 'the link can be looked at' eval 'netcfg link show br0--br1 | grep -q "br0 .*br1"'
two_bridges ', delay: 5ms'
expect 'their link is made slow' lab apply
expect 'and frames still cross' within 20 reaches_blue
two_bridges ', policer: { rate: 10mbit }, a: { policer: {}, shaper: { rate: 20mbit } }'
fails_with 'its ends are limited' 3 'br0--br1:br0 .*shaper none -> rate 20mbit' lab plan --exit-code
expect 'each as the file says' lab apply
expect 'and the switch tells' json '[.[] | select(.type == "patch") | [.shaper.rate, .policer.rate]] ==
	[[20000000, null], [null, 10000000]]' netcfg -j port show
expect 'then there is nothing to do' lab plan --exit-code
two_bridges ', access-vlan: 10'
fails_with 'it is put into a VLAN' 3 'br0--br1:br1 .*br1 trunk all -> br1 access 10' lab plan --exit-code
expect 'and so it is' lab apply
refuse 'frames of no VLAN do not cross' reaches_blue
expect 'then there is nothing to do' lab plan --exit-code
pid=$(lab_pids vswitch)
kill -9 "$pid"
expect 'a switch that was killed comes back' lab apply
expect 'with the VLAN of the link' json \
	'[.[] | select(.type == "patch") | .tag] == [10, 10]' netcfg -j port show
lab_file 192.0.2.1/24 ''
expect 'one bridge again' lab apply
expect 'frames pass' within 20 reaches_blue

lab_file 192.0.2.1/24 ', access-vlan: 10'
expect 'a VLAN is set' lab apply
refuse 'nothing passes between VLANs' reaches_blue
lab_file 192.0.2.9/24 ''
expect 'another address is another tap' lab apply
expect 'the tap has the new address only' eval \
	'ip -br addr show host0 | grep -q 192.0.2.9/24 && ! ip -br addr show host0 | grep -q 192.0.2.1/24'
expect 'the host reaches the namespace again' within 10 reaches_blue

pid=$(lab_pids vswitch)
mac=$(blue_mac)
kill -9 "$pid" # and it takes a while to die
expect 'apply brings the switch back' lab apply
expect 'in another process' eval '[[ $(lab_pids vswitch) =~ ^[0-9]+$ && $(lab_pids vswitch) != "$pid" ]]'
expect 'the tap comes with it' within 10 eval 'ip -br addr show host0 | grep -q 192.0.2.9/24'
expect 'the pair is taken over as it is' within 10 reaches_blue
expect 'its far end has the address it had' [ "$(blue_mac)" = "$mac" ]
expect 'everything is well again' within 5 lab status --check
expect 'then there is nothing to do' lab plan --exit-code

# What the switch did not make it does not touch, however it is called.
pid=$(lab_pids vswitch)
kill -9 "$pid"
within 10 eval '! kill -0 $pid 2>/dev/null'
ip link set v0 alias 'this is mine now'
expect 'apply starts a switch beside a foreign interface' lab apply
expect 'its port waits, and says for what' within 10 json \
	'any(.[]; .name == "blue" and .state == "connecting" and (.last_error | contains("'"'v0'"'")))' \
	netcfg -j port show
expect 'the interface is still there' eval 'ip link show v0 | grep -q "this is mine now"'
refuse 'status tells that the lab is not well' lab status --check
ip link delete v0
expect 'the port takes the name when it is free' within 10 port_runs blue
expect 'its peer has the address that it had' [ "$(blue_mac)" = "$mac" ]

grep -v blue "$T/lab.yaml" >"$T/alone.yaml"
mv "$T/alone.yaml" "$T/lab.yaml"
expect 'a port is taken away' lab apply
refuse 'and its pair is gone' ip netns exec blue ip link show eth0
lab_file 192.0.2.9/24 ''
expect 'the port comes back' lab apply
expect 'and the host finds the namespace where it was' within 10 reaches_blue
expect 'destroy succeeds' lab destroy
refuse 'the tap is gone' ip link show host0
refuse 'so is the pair' ip netns exec blue ip link show eth0
# EtherType 0806 and the first bytes of an ARP request (RFC 826).
expect 'the file has the broadcasts' eval \
	'od -An -v -tx1 "$T/seen.pcap" | tr -d " \n" | grep -q 08060001080006040001'

# --- two ports on a link, which is impaired ---
# link_file SETTINGS: of the link.
link_file() {
	cat >"$T/lab.yaml" <<-EOF
		version: 1
		name: host-ports
		ports:
		  host0: { type: tap, ip: 192.0.2.1/24 }
		  blue:  { type: veth, dev: v0, netns: blue, peer: eth0, ip: 192.0.2.2/24 }
		links:
		  - { endpoints: [host0, blue]$1 }
	EOF
}
# takes MS: no answer from the namespace came sooner; it may come as late as the machine is slow.
takes() {
	busybox ping -c 1 -W 10 192.0.2.2 | awk -F'time=' -v least="$1" '
		/time=/ { n++; if ($2 + 0 < least) exit 1 }
		END { exit !n }'
}
shows() { # TEXT: under IMPAIR
	[[ $(netcfg --no-header --columns IMPAIR link show) == "$1" ]]
}
link_file ', delay: 20ms, jitter: 1ms, b-to-a: { delay: 30ms, jitter: 0 }'
expect 'a lab with an impaired link comes up' lab apply
expect 'its frames are late' within 20 takes 49
expect 'the link tells why' shows '20ms+-1ms / 30ms'
expect 'then there is nothing to do' lab plan --exit-code
host_index() {
	ip -j link show host0 | jq '.[0].ifindex'
}
index=$(host_index)
link_file ', delay: 60ms, jitter: 5ms, distribution: normal, seed: 7, a-to-b: { rate: 10mbit }'
fails_with 'the plan says what changes, and that nobody notices' 3 \
	'live +a-to-b delay 20ms -> 60ms, b-to-a delay 30ms -> 60ms' lab plan --exit-code
expect 'it does, live' lab apply
expect 'and nothing is left to do' lab plan --exit-code
link_file ', delay: 60ms, a-to-b: { rate: 10mbit }'
expect 'what has no value that means nothing goes as well' lab apply
expect 'all of it' json '.[0] | has("a_to_b") and (.a_to_b | has("seed") or has("jitter") | not)' netcfg -j link show
expect 'by both delays' within 20 takes 120
expect 'somebody sets another by hand' netcfg link set host0 delay 0 loss 100% limit-bytes 1M
refuse 'nothing passes' reaches_blue
fails_with 'the plan has it' 3 'delay none -> 60ms, loss 100% -> none, limit-bytes 1M -> none' lab plan --exit-code
expect 'apply resets it' lab apply
expect 'frames pass again' within 20 takes 120
link_file ', a: { policer: { rate: 10mbit } }'
expect 'an end is limited' lab apply
expect 'that one' json '[.[] | .policer.rate] == [null, 10000000]' netcfg -j port show blue host0
expect 'then there is nothing to do' lab plan --exit-code
link_file ', delay: 10s, rate: 10gbit'
fails_with 'what needs more memory than there is' 1 'held frames need .* of memory' lab apply
link_file ''
expect 'is taken away with the rest' lab apply
refuse 'and has no column' eval 'netcfg link show | grep IMPAIR'
expect 'then there is nothing to do' lab plan --exit-code
expect 'frames pass' within 20 reaches_blue
expect 'no device was made anew' [ "$(host_index)" = "$index" ]

# A mirror of an end of the link, to a file.
# mirror_file SETTINGS: of the mirror; "" = none.
mirror_file() {
	link_file ''
	sed -i '/blue:/a\  copy:  { type: pcap, tx-file: copies.pcap }' "$T/lab.yaml"
	if [[ $1 ]]; then
		printf 'mirrors:\n  spy: { %s }\n' "$1" >>"$T/lab.yaml"
	fi
}
mirror_file 'from: host0, dir: in, to: copy, filter: icmp'
fails_with 'a mirror is planned' 3 '\+ mirror +spy +live +from host0 dir in to copy filter icmp' lab plan --exit-code
expect 'and made, with its port' lab apply
expect 'then there is nothing to do' lab plan --exit-code
expect 'frames are copied' within 20 eval 'reaches_blue && json ".[0].frames > 0" netcfg -j mirror show spy'
mirror_file 'from: host0, dir: in, to: copy, filter: icmp, truncate: 60'
fails_with 'it is made anew for what changes' 3 '~ mirror +spy +live +truncate none -> 60' lab plan --exit-code
expect 'live' lab apply
expect 'and counts from 0' json '.[0].truncate == 60 and .[0].frames == 0' netcfg -j mirror show spy
kill -9 "$(lab_pids vswitch)"
expect 'a switch that was killed comes back' lab apply
expect 'with its mirror' eval 'lab plan --exit-code && [[ $(netcfg -j mirror show | jq -r ".[].name") == spy ]]'
mirror_file 'from: host0, to: blue'
fails_with 'its copies cannot go where a cable is' 2 'lab.yaml:10:27: error: .*"blue" is in a link, at line 8' lab apply
mirror_file 'from: host0, to: copy, filter: icmp prot'
fails_with 'a wrong filter has its caret' 2 'lab.yaml:10:46: error: .*syntax error' lab validate
mirror_file ''
echo 'sflow: { collector: 127.0.0.1:6343, poll: 20 }' >>"$T/lab.yaml"
fails_with 'what it sends to a collector is planned' 3 '~ sflow +switch +live +collector none -> 127.0.0.1:6343, poll' \
	lab plan --exit-code
expect 'and set, while the mirror goes' lab apply
expect 'as it is' json '.[0].poll == 20 and .[0].collector == "127.0.0.1:6343"' netcfg -j sflow show
expect 'then there is nothing to do' lab plan --exit-code
mirror_file ''
expect 'it goes' lab apply
expect 'with a poll of 0' json '.[0].poll == 0' netcfg -j sflow show
expect 'for good' eval '[[ $(netcfg -j mirror show) == "[]" ]]'
expect 'then there is nothing to do' lab plan --exit-code
link_file ''
expect 'and so does its port' lab apply
expect 'the file has the copies' [ -s "$T/copies.pcap" ]

# Options of the switch.
switch_says='switch: { hold-memory: 16M, metrics: unix:metrics.sock }'
link_file ', delay: 1s, rate: 1gbit'
echo "$switch_says" >>"$T/lab.yaml"
before=$(lab_pids vswitch)
fails_with 'other options are planned' 3 \
	'~ switch +vswitch +carrier restart: metrics none -> unix:.*, hold-memory default -> 16M' lab plan --exit-code
fails_with 'the switch has them: less memory' 1 'held frames need .* of memory' lab apply
refuse 'in another process' [ "$(lab_pids vswitch)" = "$before" ]
link_file ''
echo "$switch_says" >>"$T/lab.yaml"
expect 'with what it had' lab apply
expect 'then there is nothing to do' lab plan --exit-code
metrics() { curl -sf --unix-socket "$T/metrics.sock" http://switch/metrics; }
expect 'it tells its counters' eval '[[ $(metrics) == *weft_switch_ports\ 2* ]]'
link_file ', delay: 20, jitter: 1ms'
fails_with 'a number without its unit is told where it stands' 2 "lab.yaml:7:40: error: .*'20' has no unit" lab plan
link_file ''
expect 'destroy succeeds' lab destroy
finish
