#include "vhost_closer.h"

#include "guarded.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/** More than this: the peer has to wait. */
#define CLOSER_BEHIND 64
/** A message that is read when it was not behind carries up to 253 descriptors
 * (SCM_MAX_FD); a connection that ends has 32 regions and two sockets; 32
 * regions more may have been replaced. */
#define CLOSER_MAX	   512
#define CLOSER_STACK_BYTES (256 * 1024)

struct job {
	int fd;	    /* -1: a mapping */
	void *base; /* of size bytes */
	size_t size;
	void (*done)(size_t size);
};

struct closer {
	pthread_mutex_t lock;
	struct job jobs[CLOSER_MAX]; /* a ring: jobs[first], n of them; the first is
					worked on */
	unsigned first, n;
	bool is_running; /* there is a thread */
	bool is_orphan;	 /* the port is gone: the thread frees it */
};

struct closer *closer_create(void)
{
	struct closer *closer = calloc(1, sizeof(*closer));

	if (closer)
		pthread_mutex_init(&closer->lock, NULL);
	return closer;
}

static void free_closer(struct closer *closer)
{
	pthread_mutex_destroy(&closer->lock);
	free(closer);
}

static void do_job(const struct job *job)
{
	if (job->fd >= 0) {
		close(job->fd);
		return;
	}
	guarded_unmap(job->base, job->size);
	job->done(job->size);
}

static void *work(void *arg)
{
	struct closer *closer = arg;
	bool is_orphan;

	pthread_mutex_lock(&closer->lock);
	while (closer->n) {
		struct job job = closer->jobs[closer->first];

		pthread_mutex_unlock(&closer->lock);
		do_job(&job);
		pthread_mutex_lock(&closer->lock);
		closer->first = (closer->first + 1) % CLOSER_MAX;
		closer->n--;
	}
	closer->is_running = false;
	is_orphan = closer->is_orphan;
	pthread_mutex_unlock(&closer->lock);
	if (is_orphan)
		free_closer(closer);
	return NULL;
}

/** Where there is no thread to be had, the next job, or the next look, tries
 * again. */
static void start_locked(struct closer *closer)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;

	if (closer->is_running || !closer->n || pthread_attr_init(&attr))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)pthread_attr_setstacksize(&attr, CLOSER_STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	closer->is_running = !pthread_create(&thread, &attr, work, closer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
}

static void add(struct closer *closer, struct job job)
{
	pthread_mutex_lock(&closer->lock);
	/* The limit above cannot be reached. If it were, what is open stays open:
	 * nobody waits. */
	if (closer->n < CLOSER_MAX)
		closer->jobs[(closer->first + closer->n++) % CLOSER_MAX] = job;
	start_locked(closer);
	pthread_mutex_unlock(&closer->lock);
}

void closer_close(struct closer *closer, int fd)
{
	if (fd >= 0)
		add(closer, (struct job){.fd = fd});
}

void closer_unmap(struct closer *closer, void *base, size_t size, void (*done)(size_t size))
{
	add(closer, (struct job){-1, base, size, done});
}

bool closer_is_behind(struct closer *closer)
{
	bool is_behind;

	pthread_mutex_lock(&closer->lock);
	start_locked(closer);
	is_behind = closer->n > CLOSER_BEHIND;
	pthread_mutex_unlock(&closer->lock);
	return is_behind;
}

void closer_destroy(struct closer *closer)
{
	bool is_running;

	if (!closer)
		return;
	pthread_mutex_lock(&closer->lock);
	closer->is_orphan = true;
	start_locked(closer);
	is_running = closer->is_running;
	pthread_mutex_unlock(&closer->lock);
	/* Without a thread to be had nothing is left of it but what stays open. */
	if (!is_running)
		free_closer(closer);
}
