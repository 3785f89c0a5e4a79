#include "vm_limits.h"

#include "config.h"
#include "console.h"
#include "ctl_limits.h"
#include "dev/disk_threads.h"
#include "err.h"

#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>

/* The program itself: stdio, KVM, memory, kernel, initrd, loop, signals, requests, timers; to
 * spare. */
#define LIMITS_BASE_FILES 40
/* A virtio device beside its queues: configuration vector, INTx, and what its kind has. */
#define LIMITS_VIRTIO_FILES 2
#define LIMITS_QUEUE_FILES  2 /* kick, vector */
#define LIMITS_NET_FILES \
	12                    /* work, timers, listener, connection, back-end channel, in messages \
			       */
#define LIMITS_DISK_FILES   5 /* file, ring, eventfd, timer */
#define LIMITS_CLIENT_FILES 2
#define LIMITS_SINK_FILES   3

static unsigned limits_virtio_files(unsigned n_queues, unsigned of_kind)
{
	return LIMITS_VIRTIO_FILES + n_queues * LIMITS_QUEUE_FILES + of_kind;
}

unsigned vm_limits_net_files(const struct config_net *net)
{
	return limits_virtio_files(2u * net->n_queue_pairs + 1, LIMITS_NET_FILES);
}

static unsigned limits_console_files(const struct config_console *console)
{
	return 2 + console->n_sinks * LIMITS_SINK_FILES + CONSOLE_MAX_CLIENTS * LIMITS_CLIENT_FILES;
}

unsigned vm_limits_files(const struct config *config)
{
	unsigned n = LIMITS_BASE_FILES + config->n_vcpus + limits_console_files(&config->serial);

	if (config->control[0])
		n += 4 + 2 * CTL_MAX_CONNECTIONS; /* each with a timer at most */
	if (config->metrics.text[0])
		n += 3 +
		     METRICS_SERVER_CONNS; /* listener, timer, one more before the oldest goes */
	for (unsigned i = 0; i < config->n_nets; i++)
		n += vm_limits_net_files(&config->nets[i]);
	n += config->n_disks * limits_virtio_files(1, LIMITS_DISK_FILES);
	if (config->console.n_sinks)
		n += limits_virtio_files(2, 0) + limits_console_files(&config->console);
	if (config->rng)
		n += limits_virtio_files(1, 1);
	return n;
}

int vm_limits_raise(const struct config *config, struct err *err)
{
	unsigned n_needed = vm_limits_files(config);
	struct rlimit limit;
	int r;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		r = -errno;
		return err_set(err, r, "open files: cannot read the limit: %m");
	}
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit); /* what it is now is looked at next */
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= n_needed)
		return 0;
	(void)err_set(err, -EMFILE, "open files: this VM needs up to %u, and the limit is %llu",
		n_needed, (unsigned long long)limit.rlim_cur);
	err_hint(err,
		"raise the hard limit (ulimit -Hn, or LimitNOFILE= of the service), or give the "
		"VM fewer queues");
	return -EMFILE;
}
