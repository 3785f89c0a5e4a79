#!/bin/bash
# Wrong input to the programs: each is one clear error with the documented status, and nothing is half
# applied. Runs without KVM.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch vmm netcfg jq python3
begin
switch_up
vs bridge add br0
vs port add p1 bridge br0 type vhost-user path "$T/p1.sock" mode server tag 10
state() {
	vs -j bridge show
	vs -j port show
	vs -j vlan show
	vs -j fdb show br0
	vs -j link show
}
state >"$T/before"
unchanged() {
	state | diff "$T/before" -
}

# --- the switch ---
fails_with 'a bridge that exists' 1 "br0.*exists" vs bridge add br0
fails_with 'a port that exists' 1 "p1.*exists" \
	vs port add p1 bridge br0 type vhost-user path "$T/other.sock" mode server
fails_with 'a port on a bridge that does not exist' 1 'br9' \
	vs port add p2 bridge br9 type vhost-user path "$T/p2.sock" mode server
for vlan in 4095 4096 65536 -1 ten; do
	fails_with "VLAN $vlan" '[12]' "4094|'$vlan' is not a number" \
		vs port add p2 bridge br0 type vhost-user path "$T/p2.sock" mode server tag "$vlan"
done
fails_with 'VLAN 0 in a trunk' '[12]' '4094' \
	vs port add p2 bridge br0 type vhost-user path "$T/p2.sock" mode server trunks 0,10
fails_with 'a VLAN range backwards' '[12]' '' vs port set p1 trunks 29-20
fails_with 'a socket path that is too long' '[12]' 'path' \
	vs port add p2 bridge br0 type vhost-user path "$T/$(printf 'x%.0s' {1..120})" mode server
fails_with 'a socket in use' 1 'is the socket of' \
	vs port add p2 bridge br0 type vhost-user path "$T/p1.sock" mode server
fails_with 'a socket in a directory that does not exist' 1 'No such file|does not exist' \
	vs port add p2 bridge br0 type vhost-user path "$T/none/p2.sock" mode server

# A path that is a user's file: nothing but a dead socket is ever replaced.
echo precious >"$T/precious"
fails_with 'a file in place of a socket' 1 "precious': something else is there" \
	vs port add p2 bridge br0 path "$T/precious"
fails_with 'a file in place of a socket of memif' 1 "precious': something else is there" \
	vs port add p2 bridge br0 type memif path "$T/precious"
fails_with 'a file in place of the control socket' 1 "precious': something else is there" \
	vswitch --control "$T/precious"
printf '%s\n' 'version: 1' 'name: precious' 'bridges: { br0: }' \
	"ports: { p: { type: vhost-user, path: $T/precious } }" 'links: [{ endpoints: [p, br0] }]' >"$T/precious.yaml"
fails_with "a file in place of a lab's socket" 1 "precious': something else is there" \
	env XDG_RUNTIME_DIR="$T/run" netcfg apply -f "$T/precious.yaml"
env XDG_RUNTIME_DIR="$T/run" netcfg destroy precious >/dev/null 2>&1 || true
expect 'the file is as it was' grep -qx precious "$T/precious"

# Other port types: what they need, what they have not, and what is not there.
fails_with 'a NIC without a device' 1 'a nic port needs a dev' vs port add p2 bridge br0 type nic
fails_with 'a tap with a namespace' 1 'a tap port has no netns' \
	vs port add p2 bridge br0 type tap netns blue
fails_with 'a guest with a device' 1 'a vhost-user port has no dev' \
	vs port add p2 bridge br0 path "$T/p2.sock" dev eth0
fails_with 'an address without length' 1 'prefix length' vs port add p2 type tap ip 192.0.2.1
fails_with 'a type that there is not' '[12]' 'tun.*vhost-user' vs port add p2 bridge br0 type tun
for type in nic af-xdp af-packet; do
	fails_with "$type on an interface that is not there" 1 "'none0'" \
		vs port add p2 bridge br0 type "$type" dev none0
done
fails_with 'a NIC at an address without one' 1 'ffff:ff:1f.7' \
	vs port add p2 bridge br0 type nic dev ffff:ff:1f.7
fails_with 'a namespace that is not there' 1 'none' \
	vs port add p2 bridge br0 type veth netns none peer eth0
fails_with 'a capture file that is not there' 1 'none.pcap' \
	vs port add p2 bridge br0 type pcap rx-file "$T/none.pcap"
fails_with 'a capture of frames that are not of Ethernet' 1 'its frames are raw IP, not Ethernet' \
	vs port add p2 bridge br0 type pcap rx-file "$ROOT/tests/data/labs/bad/118-raw-ip.pcap"
fails_with 'a text in place of a capture' 1 'neither pcap nor pcapng' \
	vs port add p2 bridge br0 type pcap rx-file "$ROOT/README.md"
mkfifo "$T/fifo"
fails_with 'a FIFO in place of a capture' 1 'not a regular file' \
	vs port add p2 bridge br0 type pcap rx-file "$T/fifo"
fails_with 'a FIFO that nobody reads, for a capture' 1 'No such device' \
	vs port add p2 bridge br0 type pcap tx-file "$T/fifo"
fails_with 'a device that DPDK does not know' 1 'p2' \
	vs port add p2 bridge br0 type dpdk devargs net_nonsense0
fails_with 'another type for a port that is there' 1 'type cannot change' vs port set p1 type tap
fails_with 'a device for a port that is there' 1 'dev cannot change' vs port set p1 dev eth0
fails_with 'a port to delete that does not exist' 1 'p9' vs port del p9
fails_with 'a link to a port that is in a bridge' 1 'p1.*bridge' vs link add w1 p1 p9
fails_with 'a link to ports that do not exist' 1 'p[89]' vs link add w1 p8 p9
fails_with 'VLANs of what is neither bridge nor port' 1 "neither a bridge nor a port 'p9'" vs vlan show p9
expect 'vlan show with the name of a port' json '[.[].ifname] == ["p1"]' vs -j vlan show p1
fails_with 'a column that there is not lists those there are' 2 'columns are PORT,' vs --columns foo port show
fails_with 'in whichever form the rows are wanted' 2 'columns are BRIDGE,' vs -j --columns foo bridge show
fails_with 'what the switch refuses is no usage' 1 "port 'none' not found" vs port show none --columns PORT
fails_with 'an unknown word' 2 'colour' vs port set p1 colour red
fails_with 'an unknown object' 2 'prot' vs prot show
fails_with 'no switch there' 1 'none.sock' netcfg -S "$T/none.sock" port show
expect 'none of it changed the switch' unchanged

# Raw bytes on the control socket.
raw() { # what a client that is not netcfg sends; the answer, if any
	python3 - "$T/vs.sock" "$1" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.settimeout(1800)
data = eval(sys.argv[2])
try:
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    print(s.recv(65536).decode(errors="replace"))
except (BrokenPipeError, ConnectionResetError):
    print("closed")
except TimeoutError:
    print("no answer")
    sys.exit(1)
PY
}
expect 'no JSON' raw 'b"hello\0"'
expect 'half a message' raw 'b"{\"method\":"'
expect 'deep nesting' raw 'b"[" * 100000 + b"\0"'
expect 'a message without end' raw 'b"x" * 10000000'
expect 'an unknown method' raw 'b"{\"method\":\"net.weft.vswitch.Nothing\"}\0"'
expect 'binary' raw 'bytes(range(256)) * 64'
expect 'none of it changed the switch' unchanged

# A front-end that speaks nonsense, on p1's socket; the port stays and takes the next one.
nonsense() {
	python3 - "$T/p1.sock" "$1" <<'PY'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.settimeout(1800)
data = eval(sys.argv[2])
try:
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    while s.recv(4096):
        pass
except (BrokenPipeError, ConnectionResetError):
    pass
except TimeoutError:
    sys.exit("the connection is still open")
PY
}
expect 'noise instead of vhost-user' nonsense 'bytes(range(256)) * 16'
expect 'an unknown request' nonsense 'struct.pack("<III", 250, 1, 0)'
expect 'a payload larger than any' nonsense 'struct.pack("<III", 5, 1, 0xffffffff)'
expect 'a memory table without files' nonsense 'struct.pack("<III", 5, 1, 40) + struct.pack("<II4Q", 1, 0, 0, 4096, 0, 0)'
expect 'a ring that does not exist' nonsense 'struct.pack("<III", 8, 1, 8) + struct.pack("<II", 200, 256)'
expect 'the port says why the last one was dropped' within 5 \
	json "$(rows last_error) | any(.name == \"p1\" and .connects >= 5 and (.last_error | test(\"ring\")))" \
	vs -j port show
polite() { # GET_FEATURES, answered with 8 bytes
	python3 - "$T/p1.sock" <<'PY'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.settimeout(1800)
s.sendall(struct.pack("<III", 1, 1, 0))
request, flags, size = struct.unpack("<III", s.recv(12, socket.MSG_WAITALL))
assert request == 1 and size == 8 and len(s.recv(8, socket.MSG_WAITALL)) == 8
PY
}
expect 'and serves the next front-end' polite
expect 'the switch lives' alive vswitch
expect 'a second switch on the same control socket is refused' \
	fails_with 'second switch' 1 'vs.sock' vswitch --control "$T/vs.sock"
fails_with 'an unknown option of vswitch' '[12]' 'no-such' vswitch --no-such
fails_with 'workers that make no sense' '[12]' 'workers' vswitch --control "$T/x.sock" --workers 1-0-x
fails_with 'a processor that is not there' '[12]' '9999' vswitch --control "$T/x.sock" --workers 9999

# --- the VMM ---
vm() {
	vmm run --slow-kvm --name bad --memory 64M "$@"
}
fails_with 'no kernel given' '[12]' 'kernel' vm
fails_with 'no memory to speak of' '[12]' 'memory' vmm run --kernel "$GUEST/vmlinuz" --memory 1
fails_with 'a MAC that is none' '[12]' 'xx' vm --kernel "$GUEST/vmlinuz" \
	--net "vhost-user=$T/v.sock,mac=xx"
fails_with 'an unknown setting' '[12]' 'colour' vm --kernel "$GUEST/vmlinuz" \
	--net "vhost-user=$T/v.sock,colour=red"
# What vmm finds out once it has opened /dev/kvm.
if [[ -r /dev/kvm && -w /dev/kvm ]]; then
	fails_with 'a missing kernel' 1 'none' vm --kernel "$T/none"
	fails_with 'a directory as kernel' 1 'regular file' vm --kernel "$T"
	echo 'not a kernel' >"$T/text"
	fails_with 'a kernel that is none' 1 'text' vm --kernel "$T/text"
	head -c 4096 "$GUEST/vmlinuz" >"$T/cut"
	fails_with 'a kernel cut short' 1 'cut' vm --kernel "$T/cut"
	fails_with 'a missing initrd' 1 'none' vm --kernel "$GUEST/vmlinuz" --initrd "$T/none"
	fails_with 'a missing disk' 1 'none' vm --kernel "$GUEST/vmlinuz" --disk "$T/none"
	fails_with 'a socket in use' 1 'p1.sock' vm --kernel "$GUEST/vmlinuz" \
		--net "vhost-user=$T/p1.sock,mode=server"
else
	fails_with 'no /dev/kvm' 1 '/dev/kvm' vm --kernel "$GUEST/vmlinuz"
fi
nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}
if ((EUID == 0)) && [[ -c /dev/kvm ]] && command -v setpriv >/dev/null && ! nobody test -w /dev/kvm; then
	chmod 755 "$T"
	fails_with 'no permission on /dev/kvm' 1 '/dev/kvm.*[Pp]ermission|[Pp]ermission.*/dev/kvm' \
		nobody vmm run --slow-kvm --kernel "$GUEST/vmlinuz"
fi

# --- lab files ---
expect 'the example labs are valid' netcfg validate -f "$ROOT/labs/two-hosts.yaml"
fails_with 'a lab file that does not exist' '[12]' 'none.yaml' netcfg validate -f "$T/none.yaml"
cat >"$T/bad.yaml" <<'LAB'
version: 1
name: bad
images:
  tiny: { kernel: /nonexistent/vmlinuz }
nodes:
  h1: { image: tiny }
bridges:
  br0: {}
links:
  - { endpoints: [h1:eth1, br9] }
  - { endpoints: [h1:eth1, br0], access-vlan: 4095 }
LAB
fails_with 'a wrong lab file names the place' 2 'bad.yaml:[0-9]+:[0-9]+' netcfg validate -f "$T/bad.yaml"
fails_with 'apply refuses it' 2 'bad.yaml:' netcfg apply -f "$T/bad.yaml"
expect 'and starts nothing' test -z "$(find "$XDG_RUNTIME_DIR" -type s)"
finish
