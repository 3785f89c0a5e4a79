#include "sflow.h"

#include "sflow_check.h"
#include "sflow_stage.h"
#include "snapshot.h"

#include "ctl_field.h"
#include "ev.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct sflow {
	struct ctl_sflow settings;
	struct sflow_target target; /* len 0: none */
	struct sflow_agent agent;
	int fd;             /* -1: none, or it could not be had yet */
	uint32_t sequence;  /* of datagrams */
	unsigned n_seconds; /* since counters were sent */
	uint64_t begun_ns;
	uint64_t n_samples, n_datagrams, n_errors;
	int last_error;
	struct sflow_datagram datagram; /* waiting; len 0: there is none */
	struct {
		uint32_t flows, counters;
	} sequences[DP_MAX_PORTS];
	struct sflow_point *points; /* points[DP_MAX_PORTS], workers' */
};

/* ---- Settings -------------------------------------------------------------------------------- */

/* The address that the socket sends from. */
static void name_agent(struct sflow *sflow)
{
	struct sflow_target own = {.len = sizeof(own.address)};

	if (sflow->settings.agent[0] || getsockname(sflow->fd, &own.address.any, &own.len) < 0)
		return;
	sflow->agent = (struct sflow_agent){.is_ipv6 = own.address.any.sa_family == AF_INET6};
	if (sflow->agent.is_ipv6)
		memcpy(sflow->agent.address, &own.address.in6.sin6_addr, 16);
	else
		memcpy(sflow->agent.address, &own.address.in.sin_addr, 4);
}

/* Where it fails (there may be no route yet) it is tried again with the next datagram. */
static int open_socket(struct sflow *sflow)
{
	int fd = socket(sflow->target.address.any.sa_family,
		SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, &sflow->target.address.any, sflow->target.len) < 0) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	sflow->fd = fd;
	name_agent(sflow);
	return 0;
}

static void close_socket(struct sflow *sflow)
{
	if (sflow->fd >= 0)
		(void)close(sflow->fd);
	sflow->fd = -1;
}

int sflow_set(void *state, const struct ctl_sflow *settings, struct err *err)
{
	struct sflow *sflow = state;
	struct sflow_agent agent;
	struct sflow_target target;
	int r = sflow_check(settings, &target, &agent, err);

	if (r < 0)
		return r;
	sflow_flush(sflow);
	close_socket(sflow);
	sflow->settings = *settings;
	sflow->target = target;
	sflow->agent = agent;
	sflow->n_seconds = 0;
	for (unsigned i = 0; settings->rate && i < DP_MAX_PORTS; i++)
		atomic_store_explicit(&sflow->points[i].rate, settings->rate, memory_order_relaxed);
	return 0;
}

const struct ctl_sflow *sflow_settings(const void *state)
{
	return &((const struct sflow *)state)->settings;
}

void sflow_row(const void *state, struct ctl_sflow *ret_row)
{
	const struct sflow *sflow = state;

	*ret_row = sflow->settings;
	CTL_SET(ret_row, ctl_sflow, rate, sflow->settings.rate);
	CTL_SET(ret_row, ctl_sflow, poll, sflow->settings.poll);
	CTL_SET(ret_row, ctl_sflow, samples, sflow->n_samples);
	CTL_SET(ret_row, ctl_sflow, datagrams, sflow->n_datagrams);
	CTL_SET(ret_row, ctl_sflow, errors, sflow->n_errors);
	if (sflow->last_error)
		CTL_SET_STR(ret_row, ctl_sflow, last_error, strerror(-sflow->last_error));
}

/* ---- Datagrams ------------------------------------------------------------------------------- */

static int send_datagram(struct sflow *sflow)
{
	if (sflow->fd < 0)
		return -ENOTCONN;
	if (send(sflow->fd, sflow->datagram.bytes, sflow->datagram.len, MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

void sflow_flush(void *state)
{
	struct sflow *sflow = state;
	int r;

	if (!sflow->datagram.len)
		return;
	r = send_datagram(sflow);
	sflow->datagram.len = 0;
	if (r == 0) {
		sflow->n_datagrams++;
		return;
	}
	sflow->n_errors++;
	if (r != -ENOTCONN || !sflow->last_error)
		sflow->last_error = r;
}

/* There is one to add to: the agent's address is known, or nobody is there to send to. */
static void begin(struct sflow *sflow)
{
	int r;

	if (sflow->datagram.len)
		return;
	if (sflow->fd < 0) {
		r = open_socket(sflow);
		if (r < 0)
			sflow->last_error = r;
	}
	sflow_datagram_begin(&sflow->datagram, &sflow->agent, ++sflow->sequence,
		(uint32_t)((ev_now_ns() - sflow->begun_ns) / 1000000));
}

void sflow_sample(void *state, const struct punt_record *record)
{
	struct sflow *sflow = state;
	struct sflow_flow flow = {
		.interface = record->port_id + 1u,
		.rate = sflow->settings.rate,
		.pool = (uint32_t)record->words[SFLOW_POOL],
		.drops = (uint32_t)record->words[SFLOW_LOST],
		.frame_len = record->len,
		.header = record->bytes,
		.header_len = record->n_bytes,
	};

	/* Sampling was turned off meanwhile. */
	if (!sflow->settings.rate)
		return;
	flow.sequence = ++sflow->sequences[record->port_id].flows;
	sflow->n_samples++;
	begin(sflow);
	if (sflow_datagram_add_flow(&sflow->datagram, &flow))
		return;
	sflow_flush(sflow);
	begin(sflow);
	(void)sflow_datagram_add_flow(&sflow->datagram, &flow); /* an empty one has room */
}

bool sflow_wants_counters(void *state)
{
	struct sflow *sflow = state;

	if (!sflow->settings.poll || ++sflow->n_seconds < sflow->settings.poll)
		return false;
	sflow->n_seconds = 0;
	return true;
}

void sflow_add_counters(void *state, uint16_t port_id, struct sflow_counters *counters)
{
	struct sflow *sflow = state;

	counters->interface = port_id + 1u;
	counters->sequence = ++sflow->sequences[port_id].counters;
	begin(sflow);
	if (sflow_datagram_add_counters(&sflow->datagram, counters))
		return;
	sflow_flush(sflow);
	begin(sflow);
	(void)sflow_datagram_add_counters(&sflow->datagram, counters);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void *create(struct hold_budget *budget)
{
	struct sflow *sflow = calloc(1, sizeof(*sflow));

	(void)budget;
	if (!sflow)
		return NULL;
	sflow->fd = -1;
	sflow->begun_ns = ev_now_ns();
	sflow->points = aligned_alloc(64, DP_MAX_PORTS * sizeof(*sflow->points));
	if (!sflow->points) {
		free(sflow);
		return NULL;
	}
	memset(sflow->points, 0, DP_MAX_PORTS * sizeof(*sflow->points));
	/* Ports do not sample in step. */
	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		sflow->points[i].random = (uint32_t)sflow->begun_ns ^ (i + 1) * 0x9e3779b9u;
	return sflow;
}

static void destroy(void *state)
{
	struct sflow *sflow = state;

	close_socket(sflow);
	free(sflow->points);
	free(sflow);
}

static bool part(const void *state, uint16_t port_id, bool is_egress, struct feature_part *ret)
{
	const struct sflow *sflow = state;

	if (is_egress || !sflow->settings.rate)
		return false;
	*ret = (struct feature_part){.stage = {sflow_stage_run, &sflow->points[port_id]}};
	return true;
}

static void forget(void *state, uint16_t port_id)
{
	struct sflow *sflow = state;

	sflow->points[port_id].pool = sflow->points[port_id].lost = 0;
	sflow->sequences[port_id].flows = sflow->sequences[port_id].counters = 0;
}

const struct feature sflow_feature = {
	.name = "sflow",
	.create = create,
	.destroy = destroy,
	.part = part,
	.forget = forget,
};
