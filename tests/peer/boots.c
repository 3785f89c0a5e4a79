/* How long a VM takes from exec to its first frame: boots nfguest many times against a back-end
 * that only waits. Run by hand (tools/nfguest-boots); prints milliseconds. */
#include "backend.h"

#include "virtio_wire.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 60000
#define MAX_BOOTS  1000000

static unsigned long long now_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long long)ts.tv_sec * 1000000000 + (unsigned long long)ts.tv_nsec;
}

/* Wait for the VM; kill it when it takes too long. Its exit status, or -1. */
static int wait_for(pid_t pid)
{
	int status = 0;

	for (unsigned ms = 0; ms < TIMEOUT_MS; ms++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		(void)usleep(1000);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return -1;
}

/* One boot: ns from exec to the first frame, 0 when it failed. */
static unsigned long long boot(const char *vmm, const char *kernel, const char *path)
{
	static struct backend be; /* rings and maps are large, and all zero at the start */
	char net[256];
	const char *argv[] = {vmm, "run", "--slow-kvm", "--exit-status", "--memory", "16M", "--rng",
		"off", "--kernel", kernel, "--cmdline", "mode=gen count=1", "--net", net,
		"--log-level", "err", NULL};
	pid_t pid;

	memset(&be, 0, sizeof(be));
	be.path = path;
	be.is_server = true;
	be.features = VIRTIO_BIT(VIRTIO_F_VERSION_1);
	be.protocol_features = 0;
	be.max_queue_pairs = 1;
	(void)snprintf(net, sizeof(net), "vhost-user=%s", path);
	backend_start(&be);
	/* The child shares our memory until it is another program: it takes the time as the last
	 * thing that it does. */
	volatile unsigned long long begin = 0;
	pid = vfork();
	if (!pid) {
		begin = now_ns();
		(void)execv(vmm, (char **)(uintptr_t)argv);
		_exit(127);
	}
	int status = pid < 0 ? -1 : wait_for(pid);
	backend_stop(&be);
	unsigned long long first = be.first_ns;
	if (status || !first)
		fprintf(stderr, "boots: a boot failed: exit status %d, %s frame\n", status,
			first ? "a" : "no");
	return status || first <= begin ? 0 : first - begin;
}

static int compare(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	unsigned long n = argc == 4 ? strtoul(argv[3], NULL, 10) : 0, done = 0;
	char folder[] = "/tmp/nfguest-boots.XXXXXX", path[64];

	if (!n || n > MAX_BOOTS) {
		fprintf(stderr, "usage: boots VMM NFGUEST COUNT\n");
		return 2;
	}
	unsigned long long *ns = calloc(n, sizeof(*ns));
	if (!ns || !mkdtemp(folder))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/net.sock", folder);
	for (unsigned long i = 0; i < n; i++) {
		ns[done] = boot(argv[1], argv[2], path);
		done += ns[done] != 0;
		if (isatty(2) && i % 10 == 9)
			fprintf(stderr, "\r%lu of %lu ", i + 1, n);
	}
	(void)rmdir(folder);
	if (!done)
		return 1;
	qsort(ns, done, sizeof(*ns), compare);
	printf("{\"boots\":%lu,\"failed\":%lu,\"min_ms\":%.2f,\"p50_ms\":%.2f,\"p90_ms\":%.2f,"
	       "\"p99_ms\":%.2f,\"max_ms\":%.2f}\n",
		n, n - done, (double)ns[0] / 1e6, (double)ns[done / 2] / 1e6,
		(double)ns[done * 9 / 10] / 1e6, (double)ns[done * 99 / 100] / 1e6,
		(double)ns[done - 1] / 1e6);
	free(ns);
	return done == n ? 0 : 1;
}
