#include "opts.h"

#include "grammar.h"
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FLAG(n, a, member, h)                                             \
	{                                                                 \
		n, a, OPT_FLAG, offsetof(struct opts, member), 0, NULL, h \
	}
#define TEXT(n, a, member, v, h)                                       \
	{                                                              \
		n, a, OPT_TEXT, offsetof(struct opts, member), 0, v, h \
	}

const struct opt opts_table[] = {
	TEXT("-S", "--socket", socket, "SOCKET", "talk to the vswitch at this control socket"),
	TEXT("-L", "--lab", lab, "LAB", "act on this running lab"),
	TEXT("-f", "--file", file, "FILE", "lab file; - reads standard input"),
	TEXT("-b", "--batch", batch, "FILE",
		"run the commands in FILE, one a line; - reads standard input"),
	FLAG("-j", "--json", json, "print JSON"),
	FLAG("-p", "--pretty", pretty, "indent JSON"),
	FLAG("-br", "--brief", brief, "one short line per object"),
	FLAG("-s", "--stats", stats, "show counters"),
	FLAG("--rate", NULL, rate, "port stats: what counters grow by a second"),
	FLAG("-d", "--details", details, "show every field"),
	FLAG("-o", "--oneline", oneline, "one line per object, with every field"),
	FLAG("-t", "--timestamp", timestamp, "put the time before what watch prints"),
	{"-c", "--color", OPT_TEXT_MAYBE, offsetof(struct opts, color), 0, "auto|always|never",
		"colour states; never the only sign of anything"},
	{"-w", "--watch", OPT_PERIOD_MAYBE, offsetof(struct opts, watch_s),
		offsetof(struct opts, watch), "SEC", "show again every SEC seconds (2)"},
	FLAG("-n", "--dry-run", dry_run, "say what would be done, change nothing"),
	FLAG("-y", "--yes", yes, "never ask (for scripts; nothing asks at present)"),
	FLAG("-q", "--quiet", quiet, "no progress, no notices"),
	FLAG("-v", "--verbose", verbose, "say more"),
	{"--wait", NULL, OPT_SECONDS_MAYBE, offsetof(struct opts, wait_s),
		offsetof(struct opts, wait), "SEC",
		"wait until every node is ready, at most SEC seconds (60)"},
	{"--timeout", NULL, OPT_SECONDS, offsetof(struct opts, timeout_s), 0, "SEC",
		"give up after SEC seconds"},
	TEXT("--columns", NULL, columns, "A,B", "show these columns, in this order"),
	FLAG("--no-header", NULL, no_header, "no column titles"),
	FLAG("--keep-going", NULL, keep_going, "batch: go on after an error"),
	FLAG("--may-exist", NULL, may_exist,
		"add: no error when the object exists with the same settings"),
	FLAG("--if-exists", NULL, if_exists, "del: no error when the object does not exist"),
	FLAG("--exit-code", NULL, exit_code, "plan: exit status 3 when there is something to do"),
	FLAG("--check", NULL, check, "status: exit status 3 unless everything runs and is up"),
	TEXT("--allow", NULL, allow, "COST",
		"apply: let running guests be restarted (restart), or stopped as well (stop)"),
	FLAG("--force", NULL, force,
		"destroy, stop: pull the plug at once; bridge del: its ports, too; nic bind: even "
		"if the host "
		"needs it"),
	FLAG("--slow-kvm", NULL, slow_kvm, "apply: run guests even on a KVM that is not fit"),
	FLAG("--log", NULL, follow_log, "console: print what was said so far and leave"),
	TEXT("--run-dir", NULL, run_dir, "DIR", "where the run directories of labs are"),
	TEXT("--bindir", NULL, bin_dir, "DIR", "where vswitch and vmm are"),
	FLAG("-h", "--help", help, "show help"),
	FLAG("-V", "--version", version, "show the version"),
};
const size_t opts_n = sizeof(opts_table) / sizeof(opts_table[0]);

static bool name_is(const struct opt *opt, const char *word, size_t len)
{
	return (strlen(opt->name) == len && !memcmp(opt->name, word, len)) ||
	       (opt->alias && strlen(opt->alias) == len && !memcmp(opt->alias, word, len));
}

const struct opt *opts_find_in(const struct opt *table, size_t n, const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < n; i++) {
		if (name_is(&table[i], word, len))
			return &table[i];
	}
	return NULL;
}

const struct opt *opts_find(const char *word)
{
	return opts_find_in(opts_table, opts_n, word);
}

bool opts_is_option(const char *word)
{
	return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]);
}

bool opts_wants_word(const struct opt *opt)
{
	return opt->kind == OPT_TEXT || opt->kind == OPT_SECONDS;
}

/* "-w1": an option of one letter, with its number. ret_value: the number, in word. */
static const struct opt *find_glued(const struct opt *table, size_t n, const char *word,
	const char **ret_value)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < n && len > 2 && isdigit((unsigned char)word[2]); i++) {
		if (!name_is(&table[i], word, 2) || table[i].kind == OPT_FLAG)
			continue;
		*ret_value = word + 2;
		return &table[i];
	}
	return NULL;
}

int opts_unknown(const char *word, struct err *err)
{
	const char *names[2 * 64];
	size_t n = 0;
	const char *nearest;

	for (size_t i = 0; i < opts_n; i++) {
		names[n++] = opts_table[i].name;
		if (opts_table[i].alias)
			names[n++] = opts_table[i].alias;
	}
	nearest = str_nearest(word, names, n);
	(void)err_set(err, -EINVAL, "unknown option '%s'", word);
	if (nearest)
		err_hint(err, "did you mean '%s'?", nearest);
	return -EINVAL;
}

static int seconds(const struct opt *opt, const char *text, double *ret, struct err *err)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0 && value <= 86400))
		return err_set(err, -EINVAL,
			"option %s: '%s' is not a number of seconds in 0..86400", opt->name, text);
	*ret = value;
	return 0;
}

static int store(void *dst, const struct opt *opt, const char *value, struct err *err)
{
	char *at = (char *)dst + opt->offset;
	double s = opt->kind == OPT_PERIOD_MAYBE ? 2 : 60;
	int r = 0;

	switch (opt->kind) {
	case OPT_FLAG:
		if (value)
			return err_set(err, -EINVAL, "option %s takes no value", opt->name);
		*(bool *)at = true;
		return 0;
	case OPT_TEXT:
	case OPT_TEXT_MAYBE:
		*(const char **)at = value ? value : "always";
		return 0;
	case OPT_SECONDS:
	case OPT_SECONDS_MAYBE:
	case OPT_PERIOD_MAYBE:
		if (value)
			r = seconds(opt, value, &s, err);
		if (r)
			return r;
		if (opt->kind == OPT_PERIOD_MAYBE)
			*(double *)at = s;
		else
			*(unsigned *)at = s < 1 ? 1 : (unsigned)s;
		if (opt->kind != OPT_SECONDS)
			*(bool *)((char *)dst + opt->flag) = true;
		return 0;
	}
	return 0;
}

int opts_take(const struct opt *table, size_t n_table, void *dst, char **words, unsigned n,
	unsigned *ret_n, struct err *err)
{
	unsigned kept = 0;
	int r;

	for (unsigned i = 0; i < n; i++) {
		const struct opt *opt;
		const char *value = strchr(words[i], '=');

		if (!strcmp(words[i], "--")) {
			while (i < n)
				words[kept++] = words[i++];
			break;
		}
		opt = opts_is_option(words[i]) ? opts_find_in(table, n_table, words[i]) : NULL;
		if (!opt && opts_is_option(words[i]) && !value)
			opt = find_glued(table, n_table, words[i], &value);
		if (!opt) {
			words[kept++] = words[i];
			continue;
		}
		if (value && *value == '=')
			value++;
		else if (!value && opts_wants_word(opt)) {
			if (i + 1 == n)
				return err_set(err, -EINVAL, "option %s needs a value: %s %s",
					opt->name, opt->name, opt->value);
			value = words[++i];
		}
		r = store(dst, opt, value, err);
		if (r)
			return r;
	}
	*ret_n = kept;
	return 0;
}

/* Where the words of a command begin that has options of its own; n: there is none. Values of
 * options are no commands. */
static unsigned find_own(char **words, unsigned n)
{
	for (unsigned i = 0; i < n && strcmp(words[i], "--") != 0; i++) {
		const struct opt *opt = opts_find(words[i]);

		if (opts_is_option(words[i])) {
			i += opt && opts_wants_word(opt) && !strchr(words[i], '=');
			continue;
		}
		return grammar_with_options(words[i]) ? i : n;
	}
	return n;
}

int opts_parse(struct opts *opts, char **words, unsigned n, unsigned *ret_n, struct err *err)
{
	unsigned own = find_own(words, n), kept;
	int r = opts_take(opts_table, opts_n, opts, words, own, &kept, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < kept && strcmp(words[i], "--") != 0; i++) {
		if (opts_is_option(words[i]))
			return opts_unknown(words[i], err);
	}
	while (own < n)
		words[kept++] = words[own++];
	*ret_n = kept;
	return 0;
}
