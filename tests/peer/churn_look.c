#include "churn_look.h"

#include "ctl_client.h"
#include "ctl_vswitch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define N_CAPTURES 3
#define BUFFER     262144 /* the least: it is full at once */

static struct {
	struct ctl_client *client; /* NULL: none */
	int fds[2];
} captures[N_CAPTURES];
static unsigned n_begun;

static void end(unsigned idx)
{
	(void)close(captures[idx].fds[0]);
	(void)close(captures[idx].fds[1]);
	ctl_client_close(captures[idx].client);
	captures[idx].client = NULL;
}

static void begin(const struct switch_proc *proc, unsigned idx, const char *port, uint32_t random)
{
	static const uint32_t snaplens[] = {1, 64, 128, 262144};
	struct ctl_capture request = {0};
	struct ctl_capture_ring ring;
	struct err err;

	CTL_SET_STR(&request, ctl_capture, names, random % 4 ? port : "any");
	CTL_SET(&request, ctl_capture, snaplen, snaplens[random / 4 % 4]);
	CTL_SET(&request, ctl_capture, buffer, BUFFER);
	if (random / 16 % 4 == 0)
		CTL_SET(&request, ctl_capture, drops, true);
	else
		CTL_SET(&request, ctl_capture, dir, (enum ctl_capture_dir)(random / 16 % 4 - 1));
	if (ctl_client_open(proc->control, &ctl_vswitch_interface, 0, &captures[idx].client, &err) <
		0)
		fail_msg("capture: %s", err.msg);
	if (ctl_client_begin(captures[idx].client, "Capture", &request, &ring, captures[idx].fds, 2,
		    &err) < 0)
		fail_msg("capture of '%s': %s", request.names, err.msg);
	n_begun++;
}

void churn_look(const struct switch_proc *proc, const char *port, uint32_t random)
{
	unsigned idx = random % N_CAPTURES;

	random /= N_CAPTURES;
	if (captures[idx].client)
		end(idx);
	else
		begin(proc, idx, port, random);
}

void churn_look_end(void)
{
	for (unsigned i = 0; i < N_CAPTURES; i++) {
		if (captures[i].client)
			end(i);
	}
}

unsigned churn_look_n(void)
{
	return n_begun;
}
