#include "eal.h"

#include "log.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

LOG_MODULE("eal");

/* For what drivers keep; frames have memory of their own. Touched, and so there, as it is used; a
 * NIC that does DMA pins all of it. */
#define EAL_MEMORY_MIB "64"

/* A NIC that does not exist: none is looked at before a port asks for it. */
#define EAL_NO_NIC "ffff:ff:1f.7"

/* DPDK writes whole lines to a stdio stream: hand them on to our log, one by one. */
static ssize_t log_stream_write(void *cookie, const char *buf, size_t size)
{
	const char *end = buf + size, *line = buf;

	(void)cookie;
	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		int len = (int)((newline ? newline : end) - line);

		if (len > 0)
			log_warn("%.*s", len, line);
		line += len + 1;
	}
	return (ssize_t)size;
}

static FILE *log_stream;

static void close_log_stream(void)
{
	(void)rte_openlog_stream(NULL);
	if (log_stream)
		(void)fclose(log_stream);
	log_stream = NULL;
}

static int open_log_stream(struct err *err)
{
	const cookie_io_functions_t io = {.write = log_stream_write};

	log_stream = fopencookie(NULL, "w", io);
	if (!log_stream)
		return err_set(err, -ENOMEM, "dpdk: no stream for its messages: out of memory");
	(void)setvbuf(log_stream, NULL, _IOLBF, 512);
	/* Fails for a NULL stream only. */
	(void)rte_openlog_stream(log_stream);
	return 0;
}

/*
 * DPDK insists on a runtime directory, by default one that users of a machine share and the first
 * of them owns. Nothing is ever put there: give it a private one and take it away again.
 */
static int init_in_private_dir(int argc, char **argv)
{
	char dir[] = "/tmp/weft-dpdk-XXXXXX", path[64];
	const char *old = getenv("RUNTIME_DIRECTORY");
	char *saved = old ? strdup(old) : NULL;
	int r;

	if ((old && !saved) || !mkdtemp(dir) || setenv("RUNTIME_DIRECTORY", dir, 1) < 0) {
		r = errno;
		free(saved);
		return -r;
	}
	r = rte_eal_init(argc, argv) < 0 ? -(rte_errno > 0 ? rte_errno : EIO) : 0;
	if (saved)
		(void)setenv("RUNTIME_DIRECTORY", saved, 1);
	else
		(void)unsetenv("RUNTIME_DIRECTORY");
	free(saved);
	/* What is not there need not go. */
	(void)snprintf(path, sizeof(path), "%s/dpdk/rte", dir);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/dpdk", dir);
	(void)rmdir(path);
	(void)rmdir(dir);
	return r;
}

static bool started;

int eal_start(struct err *err)
{
	/* Copies: DPDK reorders its arguments and writes into them. */
	char words[][24] = {"vswitch", "--no-huge", "--no-shconf", "--no-telemetry", "--no-hpet",
		"--iova-mode=va", "-m", EAL_MEMORY_MIB, "--log-level=warning", "-a", EAL_NO_NIC,
		"--lcores", ""};
	enum { ARGC = sizeof(words) / sizeof(words[0]) };
	char *argv[ARGC + 1] = {NULL};
	cpu_set_t cpus;
	int cpu = 0, r;

	if (started)
		return 0;
	for (unsigned i = 0; i < ARGC; i++)
		argv[i] = words[i];
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return err_set(err, -errno, "dpdk: the CPUs of this process: %s", strerror(errno));
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &cpus))
		cpu++;
	(void)snprintf(words[ARGC - 1], sizeof(words[0]), "0@%d", cpu);
	r = open_log_stream(err);
	if (r < 0)
		return r;
	r = init_in_private_dir(ARGC, argv);
	/* It pinned this thread, and so every thread it starts from now on, to one CPU. */
	(void)sched_setaffinity(0, sizeof(cpus), &cpus);
	if (r < 0) {
		close_log_stream();
		return err_set(err, r, "dpdk: initialisation failed: %s", strerror(-r));
	}
	started = true;
	return 0;
}

void eal_stop(void)
{
	if (!started)
		return;
	started = false;
	(void)rte_eal_cleanup();
	close_log_stream();
}
