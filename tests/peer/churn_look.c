#include "churn_look.h"

#include "ctl_client.h"
#include "ctl_vswitch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define N_CAPTURES 3
#define N_MIRRORS  4
#define BUFFER     262144 /* the least: it is full at once */

static struct switch_proc *proc;
static struct {
	struct ctl_client *client; /* NULL: none */
	int fds[2];
} captures[N_CAPTURES];
static bool has_mirror[N_MIRRORS];
static struct {
	unsigned captures, mirrors, rates, injected, traced;
} counts;

/* Part of what is random: 0..n-1. */
static uint32_t take(uint32_t *random, uint32_t n)
{
	uint32_t part = *random % n;

	*random /= n;
	return part;
}

/* ---- Captures -------------------------------------------------------------------------------- */

static void end_capture(unsigned idx)
{
	(void)close(captures[idx].fds[0]);
	(void)close(captures[idx].fds[1]);
	ctl_client_close(captures[idx].client);
	captures[idx].client = NULL;
}

static void begin_capture(unsigned idx, const char *port, uint32_t random)
{
	static const uint32_t snaplens[] = {1, 64, 128, 262144};
	struct ctl_capture request = {0};
	struct ctl_capture_ring ring;
	struct err err;
	uint32_t kind;

	CTL_SET_STR(&request, ctl_capture, names, take(&random, 4) ? port : "any");
	CTL_SET(&request, ctl_capture, snaplen, snaplens[take(&random, 4)]);
	CTL_SET(&request, ctl_capture, buffer, BUFFER);
	kind = take(&random, 4);
	if (!kind)
		CTL_SET(&request, ctl_capture, drops, true);
	else
		CTL_SET(&request, ctl_capture, dir, (enum ctl_capture_dir)(kind - 1));
	if (ctl_client_open(proc->control, &ctl_vswitch_interface, 0, &captures[idx].client, &err) <
		0)
		fail_msg("capture: %s", err.msg);
	if (ctl_client_begin(captures[idx].client, "Capture", &request, &ring, captures[idx].fds, 2,
		    &err) < 0)
		fail_msg("capture of '%s': %s", request.names, err.msg);
	counts.captures++;
}

static void change_capture(const char *port, uint32_t random)
{
	unsigned idx = take(&random, N_CAPTURES);

	if (captures[idx].client)
		end_capture(idx);
	else
		begin_capture(idx, port, random);
}

/* ---- Mirrors --------------------------------------------------------------------------------- */

static void end_mirror(unsigned idx)
{
	char words[32];

	(void)snprintf(words, sizeof(words), "name m%u", idx);
	switch_must(proc, "MirrorDel", words);
	has_mirror[idx] = false;
}

static void change_mirror(const char *port, uint32_t random)
{
	static const char *const dirs[] = {"in", "out", "both"};
	static const char *const kinds[] = {"", "truncate 64", "vlan 99", "truncate 20 vlan 7"};
	unsigned idx = take(&random, N_MIRRORS);
	const char *dir = dirs[take(&random, 3)], *kind = kinds[take(&random, 4)];
	char words[128];

	if (has_mirror[idx]) {
		end_mirror(idx);
		return;
	}
	(void)snprintf(words, sizeof(words), "name m%u from %s dir %s to mon %s", idx, port, dir,
		kind);
	switch_must(proc, "MirrorAdd", words);
	has_mirror[idx] = true;
	counts.mirrors++;
}

/* ---- Samples --------------------------------------------------------------------------------- */

static void set_rate(uint32_t random)
{
	static const char *const rates[] = {
		"rate 0 poll 0", "rate 1", "rate 50 poll 1", "rate 1000"};

	switch_must(proc, "SflowSet", rates[take(&random, 4)]);
	counts.rates++;
}

/* ---- Frames of our own ----------------------------------------------------------------------- */

/* From a group address: no bridge lets that in. */
#define REFUSED        \
	"020000000000" \
	"0300000000ff" \
	"88b5"

static int take_step(void *ctx, const void *row)
{
	const struct ctl_trace_step *step = row;
	bool *is_dropped = ctx;

	*is_dropped |= step->result == CTL_TRACE_DROPPED;
	return 0;
}

static void trace(const char *port)
{
	struct ctl_trace request = {0};
	bool is_dropped = false;
	struct err err;

	CTL_SET_STR(&request, ctl_trace, port, port);
	CTL_SET_STR(&request, ctl_trace, frame, REFUSED);
	if (ctl_client_rows(proc->client, "Trace", &request, take_step, &is_dropped, &err) < 0)
		fail_msg("trace at '%s': %s", port, err.msg);
	assert_true(is_dropped);
	counts.traced++;
}

static void inject(const char *port)
{
	struct ctl_inject request = {0};
	struct err err;
	int r;

	CTL_SET_STR(&request, ctl_inject, port, port);
	CTL_SET_STR(&request, ctl_inject, frame, REFUSED);
	r = ctl_client_call(proc->client, "Inject", &request, NULL, &err);
	/* A port may be disabled, and a worker be behind. */
	if (r < 0 && r != -ENETDOWN && r != -EAGAIN)
		fail_msg("inject at '%s': %s", port, err.msg);
	counts.injected += r == 0;
}

/* ---- All of it ------------------------------------------------------------------------------- */

void churn_look_begin(struct switch_proc *of, const char *const ports[2])
{
	proc = of;
	switch_must(proc, "PortAdd", "name mon path $/mon mode server");
	switch_must(proc, "SflowSet", "collector 127.0.0.1:6343");
	for (unsigned i = 0; i < 2; i++)
		inject(ports[i]);
}

void churn_look(const char *port, uint32_t random)
{
	switch (take(&random, 5)) {
	case 0:
		change_mirror(port, random);
		break;
	case 1:
		set_rate(random);
		break;
	case 2:
		trace(port);
		for (unsigned i = take(&random, 100); i > 0; i--)
			inject(port);
		break;
	default:
		change_capture(port, random);
	}
}

void churn_look_end(bool gone)
{
	for (unsigned i = 0; i < N_CAPTURES; i++) {
		if (captures[i].client)
			end_capture(i);
	}
	for (unsigned i = 0; i < N_MIRRORS; i++) {
		if (has_mirror[i] && !gone)
			end_mirror(i);
		has_mirror[i] = false;
	}
	if (!gone && proc)
		switch_must(proc, "SflowSet", "rate 0 poll 0");
	if (gone)
		proc = NULL;
}

const char *churn_look_counts(void)
{
	static char text[128];

	(void)snprintf(text, sizeof(text),
		"%u captures, %u mirrors, %u sample rates, %u frames injected, %u traced",
		counts.captures, counts.mirrors, counts.rates, counts.injected, counts.traced);
	return text;
}
