# shellcheck shell=bash disable=SC2034
# What the shell tools share: messages, the cache, and the packing of initramfs images from the
# installed Debian packages. Sourced, never run.

# Debian keeps modprobe, depmod and qemu's friends where an ordinary user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
WEFT_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
WEFT_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/weft
prog=${0##*/}

die() {
	printf '%s: error: %s\n' "$prog" "$1" >&2
	shift
	local hint
	for hint; do
		printf '%s: hint: %s\n' "$prog" "$hint" >&2
	done
	exit 1
}

usage_error() {
	printf '%s: error: %s\n%s: hint: see %s --help\n' "$prog" "$1" "$prog" "$prog" >&2
	exit 2
}

# Print the comment block that follows the #! line of the running tool: it is the manual.
usage() {
	sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
}

# processes_with VARIABLE=VALUE: the process ids of those whose environment has it. That of a process that
# hangs in the kernel while it is executed cannot be read, and is left out.
processes_with() {
	local stat pid files=()
	for pid in /proc/[0-9]*; do
		read -r stat 2>/dev/null <"$pid/stat" || continue
		[[ ${stat##*) } == [DZ]* ]] || files+=("$pid/environ")
	done
	timeout 10 grep -slzFx --line-buffered "$1" "${files[@]}" | tr -cd '0-9\n' || true
}

# step TEXT CMD...: run a long step under one line that ticks and ends with its seconds; what the
# step printed is shown only if it fails.
step() {
	local text=$1 begun=$SECONDS log pid ticks=0 status=0
	shift
	log=$(mktemp)
	printf '%s ' "$text"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		((++ticks % 10)) || printf '.'
		sleep 0.2
	done
	wait "$pid" || status=$?
	if ((status)); then
		printf ' failed after %d s\n' $((SECONDS - begun))
		tail -n 40 "$log" >&2
	else
		printf ' %d s\n' $((SECONDS - begun))
	fi
	rm -f "$log"
	return "$status"
}

# forget_foreign_build DIR: remove a build directory that was made in another place and copied with the
# tree. What is built in it comes from there, or from both.
forget_foreign_build() {
	local info=$1/meson-info/meson-info.json made_in
	[[ -e $info ]] || return 0
	made_in=$(sed -n 's/.*"source": "\([^"]*\)".*/\1/p' "$info" | head -n 1)
	[[ $made_in != "$(pwd -P)" ]] || return 0
	printf '%s was made for %s: making it anew\n' "$1" "$made_in"
	rm -rf -- "$1"
}

need() {
	local cmd
	for cmd; do
		command -v "$cmd" >/dev/null ||
			die "command '$cmd' is not installed" 'tools/install-packages run'
	done
}

# The version of the newest Debian kernel with both an image and modules. The cloud flavour does
# not count: it lacks 9p.
kernel_newest() {
	local image version newest=
	for image in /boot/vmlinuz-*-amd64; do
		version=${image#/boot/vmlinuz-}
		[[ $version != *cloud* && -r $image && -d /lib/modules/$version ]] || continue
		newest=$(printf '%s\n' "$newest" "$version" | sort -V | tail -n 1)
	done
	[[ -n $newest ]] ||
		die 'no Debian kernel in /boot' 'tools/install-packages run (package linux-image-amd64)'
	printf '%s\n' "$newest"
}

# kernel_unpack VMLINUZ ELF: write the ELF image inside a bzImage. Every boot of it saves the
# decompression, which is the longest single step under emulation.
kernel_unpack() {
	local offset
	# The payload is the first xz stream; what follows it is for the boot loader.
	while IFS=: read -r offset _; do
		tail -c "+$((offset + 1))" "$1" | { xz -dc 2>/dev/null || true; } >"$2"
		[[ $(head -c 4 "$2" | tail -c 3) == ELF ]] && return 0
	done < <(LC_ALL=C grep -obUaP '\xfd7zXZ\x00' "$1")
	return 1
}

# image_add_modules ROOT VERSION MODULE...: copy the modules and what they depend on.
image_add_modules() {
	local root=$1 version=$2 line file
	shift 2
	for line in "$@"; do
		modprobe -S "$version" --ignore-install --show-depends "$line" 2>/dev/null ||
			die "kernel $version has no module '$line'" 'is its linux-image package complete?'
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
		mkdir -p "$root${file%/*}"
		cp "$file" "$root$file"
	done
	cp "/lib/modules/$version/modules.order" "/lib/modules/$version/modules.builtin" \
		"/lib/modules/$version/modules.builtin.modinfo" "$root/lib/modules/$version/"
	depmod -b "$root" "$version"
}

# image_add_programs ROOT PROGRAM...: copy programs of the running system with their libraries.
# The image is laid out with a merged /usr, like the system that the programs come from.
image_add_programs() {
	local root=$1 program path lib
	shift
	for program; do
		path=$(command -v "$program") || die "command '$program' is not installed" \
			'tools/install-packages run'
		path=$(readlink -f "$path")
		cp "$path" "$root/usr/bin/${program##*/}"
		for lib in $(ldd "$path" 2>/dev/null | grep -o '/[^ ]*'); do
			[[ $lib == /usr/* ]] || lib=/usr$lib
			[[ -e $root$lib ]] && continue
			mkdir -p "$root${lib%/*}"
			cp -L "$lib" "$root$lib"
		done
	done
}

# image_skeleton ROOT: empty tree with a merged /usr and busybox under every name it answers to.
image_skeleton() {
	local root=$1 busybox applet
	busybox=$(command -v busybox) || die 'busybox is not installed' 'tools/install-packages run'
	ldd "$busybox" >/dev/null 2>&1 && die "$busybox is not static" 'install busybox-static'
	mkdir -p "$root"/{dev,proc,sys,run,tmp,root,etc,mnt,usr/bin,usr/lib,usr/lib64,var}
	ln -s usr/bin "$root/bin"
	ln -s usr/bin "$root/sbin"
	ln -s bin "$root/usr/sbin"
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	ln -s ../run "$root/var/run"
	cp "$busybox" "$root/usr/bin/busybox"
	for applet in $("$busybox" --list); do
		[[ $applet == busybox ]] || ln -s busybox "$root/usr/bin/$applet"
	done
}

# image_pack ROOT FILE: the same tree gives the same bytes, whoever packs it and when.
image_pack() {
	find "$1" -exec touch -h -d @0 {} +
	(cd "$1" && find . -print0 | LC_ALL=C sort -z |
		cpio --quiet --null -o -H newc --reproducible --owner=+0:+0) |
		zstd -q -9 --no-progress >"$2"
}

# cache_key WHAT...: a digest over files and words; a change of any makes a new cache entry.
cache_key() {
	local item
	for item; do
		if [[ -f $item ]]; then
			cat -- "$item"
		else
			printf '%s\n' "$item"
		fi
	done | sha256sum | cut -c1-16
}

# cache_get NAME KEY BUILDER: print the directory $WEFT_CACHE/NAME/KEY, first letting
# BUILDER DIR fill it if it does not exist. Callers may race; entries unused for a week are dropped.
cache_get() {
	local name=$1 builder=$3 dir=$WEFT_CACHE/$1/$2 lock
	if [[ ! -d $dir ]]; then
		mkdir -p "$WEFT_CACHE/$name" || die "cannot create the cache $WEFT_CACHE"
		exec {lock}>"$WEFT_CACHE/$name/.lock"
		flock "$lock"
		if [[ ! -d $dir ]]; then
			rm -rf "$dir.new"
			mkdir "$dir.new"
			"$builder" "$dir.new" >&2 {lock}>&-
			mv "$dir.new" "$dir"
			find "$WEFT_CACHE/$name" -mindepth 1 -maxdepth 1 -type d -mtime +7 \
				-exec rm -rf {} +
		fi
		exec {lock}>&-
	fi
	touch "$dir"
	printf '%s\n' "$dir"
}
