/* capture: look at frames, or write them to a file. */
#include "capture_run.h"
#include "cmd.h"
#include "ctl_client.h"
#include "ctl_field.h"
#include "lab.h"
#include "names.h"
#include "pcap_filter.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_EXPRESSION 4096

/* What is captured of what. */
struct wanted {
	char expression[MAX_EXPRESSION]; /* "" = no filter */
	struct ctl_capture request;
};

/* ---- Which words are names ------------------------------------------------------------------- */

static int add_name(void *ctx, const void *row)
{
	/* The name is the first field of a port, a link and a bridge. */
	return names_add(ctx, (const char *)row + offsetof(struct ctl_port, name));
}

_Static_assert(offsetof(struct ctl_port, name) == offsetof(struct ctl_link, name) &&
		       offsetof(struct ctl_port, name) == offsetof(struct ctl_bridge, name),
	"names are at one place");

static int get_names(struct ctl_client *client, struct names *names, struct err *err)
{
	static const char *const methods[] = {"PortShow", "LinkShow", "BridgeShow"};
	const struct ctl_ref all = {0};
	int r = names_add(names, "any");

	for (unsigned i = 0; !r && i < 3; i++)
		r = ctl_client_rows(client, methods[i], &all, add_name, names, err);
	return r;
}

static bool is_name(const struct names *names, const char *word)
{
	for (unsigned i = 0; i < names->n; i++) {
		if (!strcmp(names->list[i], word))
			return true;
	}
	return false;
}

static int append(char *dst, size_t size, const char *word, struct err *err)
{
	size_t used = strlen(dst);
	int n = snprintf(dst + used, size - used, "%s%s", used ? " " : "", word);

	return n >= 0 && (size_t)n < size - used
		       ? 0
		       : err_set(err, -EINVAL, "capture: names or filter are too long");
}

/* Names first, as long as the switch knows them; the rest is a filter, in one word or in many. */
static int split_words(struct ctl_client *client, char **words, unsigned n, struct wanted *wanted,
	struct err *err)
{
	struct ctl_capture *request = &wanted->request;
	struct names names = {0};
	unsigned i = 1;
	int r = append(request->names, sizeof(request->names), words[0], err);

	CTL_MARK(request, ctl_capture, names);
	if (!r && n > 1)
		r = get_names(client, &names, err);
	for (; !r && i < n && is_name(&names, words[i]); i++)
		r = append(request->names, sizeof(request->names), words[i], err);
	for (; !r && i < n; i++)
		r = append(wanted->expression, sizeof(wanted->expression), words[i], err);
	names_done(&names);
	return r;
}

/* ---- The filter ------------------------------------------------------------------------------ */

static int compile(struct wanted *wanted, struct pcap_filter_mark *mark, struct err *err)
{
	struct ctl_capture *request = &wanted->request;
	int r = pcap_filter_compile(wanted->expression, request->filter, mark, err);

	if (r == 0 && request->filter[0])
		CTL_MARK(request, ctl_capture, filter);
	return r;
}

/* ---------------------------------------------------------------------------------------------- */

static void say_totals(const struct opts *opts, const struct capture_totals *totals)
{
	if (opts->quiet)
		return;
	fprintf(stderr, "%llu frames captured\n%llu frames passed the filter\n%llu frames lost\n",
		(unsigned long long)totals->written, (unsigned long long)totals->received,
		(unsigned long long)totals->lost);
}

static int capture(const struct opts *opts, const struct capture_opts *o, struct ctl_client *client,
	struct wanted *wanted, struct err *err)
{
	struct capture_source source;
	struct capture_totals totals;
	int r = capture_source_open(&source, client, &wanted->request, err);

	if (r < 0)
		return r;
	if (!o->write && !opts->quiet)
		fprintf(stderr, "capturing at %s, Ctrl-C ends\n", wanted->request.names);
	r = capture_run(&source, o, wanted->expression[0] ? wanted->expression : NULL, NULL,
		&totals, err);
	fflush(stdout);
	say_totals(opts, &totals);
	capture_source_close(&source);
	return r;
}

int cmd_capture(const struct opts *opts, const struct grammar_request *req)
{
	struct wanted *wanted = calloc(1, sizeof(*wanted));
	struct pcap_filter_mark mark = {0};
	struct ctl_client *client = NULL;
	struct opts all = *opts;
	struct capture_opts o;
	struct err err = {0};
	unsigned n = req->n_args;
	int r = wanted ? 0 : err_set(&err, -ENOMEM, "capture: out of memory");

	if (!r)
		r = capture_opts_parse(&o, &all, req->args, n, &n, &err);
	if (!r && all.help) {
		char *word = (char *)(uintptr_t) "capture";
		const struct grammar_request help = {.args = &word, .n_args = 1};

		free(wanted);
		return cmd_help(&all, &help);
	}
	if (!r && !n) {
		r = err_set(&err, -EINVAL, "capture: no port is named");
		err_hint(&err, "`netcfg capture any` captures at every port");
	}
	if (!r) {
		wanted->request = o.request;
		r = lab_switch_open(&all, &client, &err);
	}
	if (!r)
		r = split_words(client, req->args, n, wanted, &err);
	if (!r)
		r = compile(wanted, &mark, &err);
	if (!r)
		r = capture(&all, &o, client, wanted, &err);
	ctl_client_close(client);
	/* Who reads the pipe has had enough. */
	if (r == -EPIPE && o.write && !strcmp(o.write, "-") && err.code == -EPIPE)
		r = 0;
	if (r) {
		r = err.code ? cmd_fail(&err) : EXIT_USAGE;
		if (err.code == -EINVAL && wanted && wanted->expression[0] &&
			!strcmp(err.field, "filter"))
			pcap_filter_print_mark(wanted->expression, mark);
	} else {
		r = EXIT_DONE;
	}
	free(wanted);
	return r;
}
