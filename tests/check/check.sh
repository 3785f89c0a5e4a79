# shellcheck shell=bash disable=SC2034,SC2154
# What the checks written as scripts share; they set folder before the first check, and end with $bad.

bad=0

check() { # TEXT CMD...
	local text=$1
	shift
	if "$@" >"$folder/log" 2>&1; then
		printf 'ok    %s\n' "$text"
	else
		printf 'FAIL  %s\n' "$text"
		sed 's/^/      /' "$folder/log"
		bad=1
	fi
}
