#include "share.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t run_ns(int pid, int tid)
{
	unsigned long long ns = 0;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%llu", &ns) != 1)
		ns = 0;
	(void)fclose(file);
	return ns;
}

int share_begin(struct share *share, int pid)
{
	char folder[32];

	*share = (struct share){.pid = pid};
	(void)snprintf(folder, sizeof(folder), "/proc/%d/task", pid);
	DIR *dir = opendir(folder);
	if (!dir)
		return -ENOENT;
	for (const struct dirent *entry; (entry = readdir(dir));) {
		int tid = atoi(entry->d_name); /* "." and ".." are 0 */

		if (!tid || share->n_threads == SHARE_MAX_THREADS)
			continue;
		share->threads[share->n_threads].tid = tid;
		share->threads[share->n_threads++].run_ns = run_ns(pid, tid);
	}
	(void)closedir(dir);
	return 0;
}

void share_pick(struct share *share)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < share->n_threads; i++) {
		uint64_t ran = run_ns(share->pid, share->threads[i].tid) - share->threads[i].run_ns;

		if (ran > most) {
			most = ran;
			share->tid = share->threads[i].tid;
		}
	}
}

uint64_t share_run_ns(const struct share *share)
{
	return share->tid ? run_ns(share->pid, share->tid) : 0;
}

uint64_t share_own_run_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}
